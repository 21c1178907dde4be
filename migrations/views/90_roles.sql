-- Roles and what each may do; run again by every migrate, so that it can be made good later by a role with
-- more rights. Roles belong to the whole server: another database may have made them already.
--
--   faultbucket_writer      the workers: insert, never change what is counted
--   faultbucket_ingest      ingest: reads the upload keys
--   faultbucket_dashboards  reads every vendor through dash.*
--   faultbucket_vendor      reads through dash.* the vendors that vendor_reader names for the member
DO $$
DECLARE
    wanted text;
    missing text[] := '{}';
BEGIN
    FOREACH wanted IN ARRAY ARRAY['faultbucket_writer', 'faultbucket_ingest', 'faultbucket_dashboards',
                                  'faultbucket_vendor']
    LOOP
        IF to_regrole(wanted) IS NOT NULL THEN
            CONTINUE;
        END IF;
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL; -- another database was quicker
            WHEN insufficient_privilege THEN missing := missing || wanted;
        END;
    END LOOP;
    IF missing <> '{}' THEN
        RAISE WARNING 'role % may not create roles, so these are missing: %; let a role with CREATEROLE run "%", then migrate again',
            current_user, array_to_string(missing, ', '),
            (SELECT string_agg('CREATE ROLE ' || m || ';', ' ') FROM unnest(missing) m);
    END IF;
END $$;

REVOKE EXECUTE ON FUNCTION fb_make_partition(date), fb_make_partitions(date[]), fb_rollup(integer),
    fb_rollup_trends(integer), fb_rollup_intake(), fb_announce(text, bigint[]) FROM PUBLIC;

DO $$
DECLARE
    rights text[];
BEGIN
    FOREACH rights SLICE 1 IN ARRAY ARRAY[
        ['faultbucket_writer', 'SELECT ON schema_migration, vendor_reader, vendor, sample'],
        ['faultbucket_writer', 'SELECT, INSERT ON product, report, report_key, bucket, bucket_key, bucket_machine, sample,
          trend_delta, machine_delta, intake_delta, dead_letter, offset_gap'],
        ['faultbucket_writer', 'SELECT, INSERT, UPDATE ON kafka_offset'],
        -- a worse report takes a milder sample's place
        ['faultbucket_writer', 'UPDATE (report_id, received_at, dump_size, dump_zstd, analysis, class) ON sample'],
        ['faultbucket_writer', 'USAGE ON SEQUENCE bucket_bucket_id_seq'],
        ['faultbucket_writer', 'EXECUTE ON FUNCTION fb_make_partitions(date[]), fb_rollup(integer)'],
        ['faultbucket_ingest', 'SELECT ON vendor_reader, vendor, upload_key, ingest_key'],
        ['faultbucket_vendor', 'USAGE ON SCHEMA dash'],
        ['faultbucket_vendor', 'SELECT ON ALL TABLES IN SCHEMA dash'],
        ['faultbucket_vendor', 'SELECT ON vendor_reader, vendor, product, bucket, bucket_key, bucket_total, bucket_version, report,
          trend_hour, trend_day, trend_delta, machine_delta, intake_hour, intake_delta, kafka_offset, offset_gap,
          bucket_verdict, bucket_signal,
          bucket_now, trend_now, trend_day_now, version_now, intake_now, verdict_now, signal_now'],
        -- neither the dumps nor the messages set aside: they hold memory of customers' machines
        ['faultbucket_vendor', 'SELECT (bucket_id, slot, vendor_id, report_id, received_at, dump_size, analysis, class) ON sample'],
        ['faultbucket_vendor', 'SELECT (dead_id, vendor_id, report_id, reason, message_size, received_at) ON dead_letter']]
    LOOP
        IF to_regrole(rights[1]) IS NOT NULL THEN
            EXECUTE format('GRANT %s TO %I', rights[2], rights[1]);
        END IF;
        IF rights[1] = 'faultbucket_vendor' AND to_regrole('faultbucket_dashboards') IS NOT NULL THEN
            EXECUTE format('GRANT %s TO faultbucket_dashboards', rights[2]);
        END IF;
    END LOOP;
END $$;
