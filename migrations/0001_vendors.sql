-- Who sends reports: vendors, their products, and the upload keys that name a vendor.
--
-- Every table with rows of a vendor carries vendor_id, and row-level security looks at nothing else
-- (0006). Vendors and products are never deleted, so that no number of the past loses its name.

CREATE TABLE vendor (
    vendor_id  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL UNIQUE CHECK (name <> '' AND octet_length(name) <= 256),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE product (
    product_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    vendor_id  integer NOT NULL REFERENCES vendor,
    name       text NOT NULL CHECK (octet_length(name) <= 256),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (vendor_id, name)
);

-- The key itself is shown once, when it is made; here lies its SHA-256. A key has 128 random bits, so
-- that a slow hash would protect nothing more.
CREATE TABLE upload_key (
    key_id     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    vendor_id  integer NOT NULL REFERENCES vendor,
    key_hash   bytea NOT NULL UNIQUE CHECK (octet_length(key_hash) = 32),
    note       text NOT NULL DEFAULT '' CHECK (octet_length(note) <= 1024),
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);

-- What ingest loads and keeps in memory.
CREATE VIEW ingest_key WITH (security_invoker = true) AS
SELECT k.key_hash, k.vendor_id, v.name AS vendor, k.revoked_at IS NOT NULL AS revoked
FROM upload_key k JOIN vendor v USING (vendor_id);

-- The products of the pairs given, made where they are new. A client chooses the name of its product,
-- so a vendor has at most `most` of them: what comes after that is the product "(other)". A vendor that
-- does not exist has no product and no row in the answer; ord is the place of a pair in the arrays. Sorted, so that two callers never wait for
-- each other crosswise.
CREATE FUNCTION fb_products(vendors integer[], names text[], most integer)
RETURNS TABLE (ord bigint, product_id integer)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO product (vendor_id, name)
    SELECT DISTINCT q.vendor_id,
           CASE WHEN (SELECT count(*) FROM product p WHERE p.vendor_id = q.vendor_id) + q.nth < most
                THEN q.name ELSE '(other)' END
    FROM (SELECT w.*, row_number() OVER (PARTITION BY w.vendor_id ORDER BY w.name) AS nth
          FROM (SELECT DISTINCT * FROM unnest(vendors, names) AS u (vendor_id, name)) w
          JOIN vendor USING (vendor_id)
          LEFT JOIN product known ON known.vendor_id = w.vendor_id AND known.name = w.name
          WHERE known.product_id IS NULL) q
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING;

    RETURN QUERY
    SELECT q.ord, coalesce(p.product_id, other.product_id)
    FROM unnest(vendors, names) WITH ORDINALITY AS q (vendor_id, name, ord)
    LEFT JOIN product p ON p.vendor_id = q.vendor_id AND p.name = q.name
    LEFT JOIN product other ON other.vendor_id = q.vendor_id AND other.name = '(other)'
    WHERE coalesce(p.product_id, other.product_id) IS NOT NULL;
END $$;
