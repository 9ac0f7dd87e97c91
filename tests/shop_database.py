"""The database of a shop: tables that hang together, sequences, a view, a trigger, a type, a hundred thousand rows."""

from datetime import datetime

import psycopg

TABLES = 9
_SCHEMA = """
CREATE TYPE mood AS ENUM ('new', 'paid', 'sent', 'returned');
CREATE TABLE customers (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL UNIQUE, name text NOT NULL,
  created_at timestamptz NOT NULL);
CREATE TABLE suppliers (id serial PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE products (
  id serial PRIMARY KEY, supplier_id int NOT NULL REFERENCES suppliers, sku text NOT NULL UNIQUE,
  price numeric(10, 2) NOT NULL CHECK (price >= 0), changed_at timestamptz NOT NULL);
CREATE TABLE orders (
  id bigserial PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customers, state mood NOT NULL DEFAULT 'new',
  placed_at timestamptz NOT NULL);
CREATE INDEX orders_by_customer ON orders (customer_id);
CREATE TABLE order_lines (
  order_id bigint NOT NULL REFERENCES orders ON DELETE CASCADE, line int NOT NULL,
  product_id int NOT NULL REFERENCES products, quantity int NOT NULL, PRIMARY KEY (order_id, line));
CREATE TABLE payments (
  id bigserial PRIMARY KEY, order_id bigint NOT NULL UNIQUE REFERENCES orders, amount numeric(12, 2) NOT NULL,
  paid_at timestamptz NOT NULL);
CREATE TABLE stock (product_id int PRIMARY KEY REFERENCES products, pieces int NOT NULL);
CREATE TABLE audit (id bigserial PRIMARY KEY, what text NOT NULL, at timestamptz NOT NULL);
CREATE TABLE documents (id serial PRIMARY KEY, body bytea NOT NULL, valid_until date);
CREATE VIEW revenue AS
  SELECT o.customer_id, sum(l.quantity * p.price) AS revenue
  FROM orders o JOIN order_lines l ON l.order_id = o.id JOIN products p ON p.id = l.product_id GROUP BY o.customer_id;
CREATE FUNCTION note_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO audit (what, at) VALUES ('order ' || NEW.id, NEW.placed_at); RETURN NEW; END $$;
CREATE TRIGGER orders_noted AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION note_order();
"""
_ROWS = """
INSERT INTO customers (email, name, created_at)
  SELECT 'c' || n || '@example.test', 'customer ' || n, %(now)s - n * interval '5 minutes'
  FROM generate_series(1, %(rows)s / 10) n;
INSERT INTO suppliers (name) SELECT 'supplier ' || n FROM generate_series(1, 20) n;
INSERT INTO products (supplier_id, sku, price, changed_at)
  SELECT 1 + n %% 20, 'sku-' || n, n %% 100 + 0.5, %(now)s - n * interval '1 hour' FROM generate_series(1, 500) n;
INSERT INTO orders (customer_id, state, placed_at)
  SELECT 1 + n %% (%(rows)s / 10), (ARRAY['new', 'paid', 'sent']::mood[])[1 + n %% 3], %(now)s - n * interval '1 minute'
  FROM generate_series(1, %(rows)s * 3 / 10) n;
INSERT INTO order_lines SELECT o, l, 1 + (o * 7 + l) %% 500, 1 + l
  FROM generate_series(1, %(rows)s * 3 / 10) o, generate_series(1, 2) l
  WHERE o %% 2 = 0 OR l = 1;
INSERT INTO payments (order_id, amount, paid_at)
  SELECT n, 10 + n %% 90, %(now)s - n * interval '1 minute' FROM generate_series(1, %(rows)s / 10) n;
INSERT INTO stock SELECT n, n %% 40 FROM generate_series(1, 500) n;
INSERT INTO audit (what, at)
  SELECT 'made ' || n, %(now)s - n * interval '2 minutes' FROM generate_series(1, %(rows)s / 20) n;
INSERT INTO documents (body, valid_until)
  SELECT decode(repeat(md5(n::text), 20), 'hex'), date '2099-01-01' FROM generate_series(1, 200) n;
"""


def make_shop(connection: "psycopg.Connection[object]", now: datetime, rows: int = 100_000) -> None:
    """Fill an empty database; about `rows` rows, the newest of `now`. The connection commits by itself."""
    connection.execute(_SCHEMA.encode())
    literal = f"'{now.isoformat()}'::timestamptz"
    connection.execute((_ROWS.replace("%(now)s", literal).replace("%(rows)s", str(rows)).replace("%%", "%")).encode())
