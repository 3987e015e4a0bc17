-- Table of the registered customers as MySQL and MariaDB have it; customers.sql is PostgreSQL's.
-- A datetime has no zone of its own: these are in UTC. Keys are told apart by their bytes.
CREATE TABLE IF NOT EXISTS customers (
    customer_id   varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
    name          varchar(200) NOT NULL,
    email         varchar(320),
    region        varchar(40),
    segment       varchar(40) NOT NULL,
    registered_at datetime(6) NOT NULL,
    updated_at    datetime(6) NOT NULL,
    INDEX customers_registered_at (registered_at)
) ENGINE = InnoDB CHARACTER SET utf8mb4;
