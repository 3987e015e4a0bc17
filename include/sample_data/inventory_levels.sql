-- Table of the shops' stock counts in the operational PostgreSQL. One row per shop, product and day.
-- The constraints are weaker than the lake's contract, so that a wrong count can be stored.
CREATE TABLE IF NOT EXISTS public.inventory_levels (
    store_id   text NOT NULL,
    product_id text NOT NULL,
    stock_date date NOT NULL,
    on_hand    integer NOT NULL,
    on_order   integer NOT NULL,
    counted_at timestamptz NOT NULL,
    PRIMARY KEY (store_id, product_id, stock_date)
);

-- The extract reads one business day: counted_at in a half-open interval.
CREATE INDEX IF NOT EXISTS inventory_levels_counted_at ON public.inventory_levels (counted_at);
