-- Where the workers are in Kafka's log, what fell out of it, and what could not be used.

-- Keyed by cluster: the offsets of a cluster that was replaced mean nothing in the new one.
CREATE TABLE kafka_offset (
    cluster     text NOT NULL,
    topic       text NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (cluster, topic, partition)
) WITH (fillfactor = 50); -- updated once per batch: room for the new row beside the old one

-- Compare and set. Raises FB001 when a partition does not stand where the caller believes: another
-- worker has it, and the caller's batch must vanish. expected -1: never seen.
CREATE FUNCTION fb_move_offsets(of_cluster text, of_topic text, partitions integer[], expected bigint[],
                                next bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    q record;
BEGIN
    FOR q IN SELECT * FROM unnest(partitions, expected, next) AS q (part, old, new) ORDER BY part LOOP
        IF q.old = -1 THEN
            INSERT INTO kafka_offset (cluster, topic, partition, next_offset)
            VALUES (of_cluster, of_topic, q.part, q.new) ON CONFLICT DO NOTHING;
        ELSE
            UPDATE kafka_offset SET next_offset = q.new, updated_at = now()
            WHERE cluster = of_cluster AND topic = of_topic AND partition = q.part AND next_offset = q.old;
        END IF;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'partition % of % does not stand at offset %', q.part, of_topic, q.old
                USING ERRCODE = 'FB001';
        END IF;
    END LOOP;
END $$;

CREATE TABLE offset_gap (
    cluster     text NOT NULL,
    topic       text NOT NULL,
    partition   integer NOT NULL,
    from_offset bigint NOT NULL,
    to_offset   bigint NOT NULL,
    noticed_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (cluster, topic, partition, from_offset),
    CHECK (from_offset < to_offset)
);

CREATE TABLE dead_letter (
    dead_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cluster      text NOT NULL,
    topic        text NOT NULL,
    partition    integer NOT NULL,
    "offset"     bigint NOT NULL,
    vendor_id    integer, -- NULL: the message does not say, or names nobody we know
    report_id    uuid,
    reason       text NOT NULL,
    message      bytea NOT NULL, -- its first MiB; the dead topic holds the whole
    message_size bigint NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (cluster, topic, partition, "offset")
);
ALTER TABLE dead_letter ALTER COLUMN message SET STORAGE EXTERNAL;
CREATE INDEX ON dead_letter (received_at);
