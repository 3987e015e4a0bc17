-- Table of the tills in the operational PostgreSQL. One row per line sold or returned.
-- The constraints are weaker than the lake's contract: region and payment method are free text and
-- nothing ties the signs together, so a till can store what the lake must translate or quarantine.
CREATE TABLE IF NOT EXISTS public.store_transactions (
    transaction_id text PRIMARY KEY,
    store_id       text NOT NULL,
    sold_at        timestamptz NOT NULL,
    product_id     text NOT NULL,
    product_name   text NOT NULL,
    category       text NOT NULL,
    quantity       integer NOT NULL CHECK (quantity <> 0),
    unit_price     numeric(18, 2) NOT NULL CHECK (unit_price >= 0),
    total_amount   numeric(18, 2) NOT NULL,
    customer_id    text,
    region         text NOT NULL,
    payment_method text NOT NULL,
    is_return      boolean NOT NULL DEFAULT false
);

-- The extract reads one business day: sold_at in a half-open interval.
CREATE INDEX IF NOT EXISTS store_transactions_sold_at ON public.store_transactions (sold_at);
