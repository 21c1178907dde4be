-- One vendor never sees another's rows: row-level security on every table that has any.
--
-- vendor_reader says which database role reads which vendor; vendor NULL: every one. Members of the role
-- have its rights. The owner of the tables (who migrates) is not held back; the roles are made by
-- views/90_roles.sql.

CREATE TABLE vendor_reader (
    role      name NOT NULL,
    vendor_id integer REFERENCES vendor,
    UNIQUE NULLS NOT DISTINCT (role, vendor_id)
);
INSERT INTO vendor_reader VALUES
    ('faultbucket_writer', NULL), ('faultbucket_ingest', NULL), ('faultbucket_dashboards', NULL);

ALTER TABLE vendor_reader ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON vendor_reader USING (
    EXISTS (SELECT FROM pg_roles r WHERE r.rolname = vendor_reader.role AND pg_has_role(r.oid, 'usage')));

-- Both subqueries are run once per statement, not once per row, and see vendor_reader through its policy.
DO $$
DECLARE
    protected text;
BEGIN
    FOREACH protected IN ARRAY ARRAY['vendor', 'product', 'upload_key', 'report', 'bucket', 'bucket_key',
        'bucket_machine', 'sample', 'bucket_total', 'bucket_version', 'trend_hour', 'trend_day', 'trend_delta',
        'machine_delta', 'intake_hour', 'intake_delta', 'dead_letter']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', protected);
        EXECUTE format('CREATE POLICY vendors ON %I USING ('
            '(SELECT bool_or(r.vendor_id IS NULL) FROM vendor_reader r)'
            ' OR vendor_id IN (SELECT r.vendor_id FROM vendor_reader r WHERE r.vendor_id IS NOT NULL))', protected);
    END LOOP;
    FOREACH protected IN ARRAY ARRAY['report_key', 'kafka_offset', 'offset_gap']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', protected);
        EXECUTE format('CREATE POLICY everybody ON %I USING ('
            '(SELECT bool_or(r.vendor_id IS NULL) FROM vendor_reader r))', protected);
    END LOOP;
END $$;
