-- Table of the registered customers: MySQL in production, PostgreSQL where the lake runs on a laptop.
-- The constraints are weaker than the lake's contract, so that a wrong row can be stored.
CREATE TABLE IF NOT EXISTS public.customers (
    customer_id   varchar(20) PRIMARY KEY,
    name          varchar(200) NOT NULL,
    email         varchar(320),
    region        varchar(40),
    segment       varchar(40) NOT NULL,
    registered_at timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);

-- The extract reads everybody registered before the end of a day.
CREATE INDEX IF NOT EXISTS customers_registered_at ON public.customers (registered_at);
