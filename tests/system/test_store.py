#!/usr/bin/python3
"""The store and the commands that talk to it, on a real PostgreSQL and a real Kafka."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support" / "services"))
from services import Services, ServicesError  # noqa: E402

BUILD = pathlib.Path(os.environ.get("FAULTBUCKET_BUILD", ROOT / "build" / "dev"))
PROGRAM, UNIT = BUILD / "bin" / "faultbucket", BUILD / "tests" / "test_store"
EVIL = "ev\x1b[2Jil\u202e\t"  # clears a terminal, turns the reading direction
checks = failures = 0


def check(row, holds):
    global checks, failures
    checks += 1
    if not holds:
        failures += 1
        print(f"FAILED: {row}", file=sys.stderr)


def start(services, *args, **env):
    return subprocess.Popen([PROGRAM, *args], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env={**services.environment, "LC_ALL": "C.UTF-8", "FAULTBUCKET_KAFKA_PARTITIONS": "4", **env})


def run(services, *args, **env):
    process = start(services, *args, **env)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def folder_with(folder, change):
    """A copy of migrations/ with one thing changed."""
    shutil.copytree(ROOT / "migrations", folder)
    change(folder)
    return str(folder)


def test_migrate(services, scratch):
    many = [start(services, "migrate") for _ in range(6)]
    done = [p.communicate(timeout=120) for p in many]
    check(f"six at once: {[d[1] for d in done]}", all(p.returncode == 0 for p in many))
    files = len(list((ROOT / "migrations").glob("0*.sql")))
    check("each applied once", sum(d[0].count("0001_vendors.sql") for d in done) == 1)
    check("all recorded", services.psql("SELECT count(*), max(number) FROM schema_migration") == [[str(files), str(files)]])
    known = re.search(r"FB_SCHEMA = (\d+)", (ROOT / "worker" / "store" / "session.h").read_text())
    check("the worker knows the newest", int(known.group(1)) == files)
    check("again: nothing to do", "0 of them now" in run(services, "migrate")[1])

    changed = folder_with(scratch / "changed", lambda d: (d / "0002_buckets.sql").open("a").write("-- more\n"))
    code, _, err = run(services, "migrate", "--migrate-dir", changed)
    check("a changed file is refused: " + err, code == 1 and "0002_buckets.sql" in err and "differs" in err)
    older = folder_with(scratch / "older", lambda d: max(d.glob("0*.sql")).unlink())
    code, _, err = run(services, "migrate", "--migrate-dir", older)
    check("a newer database is refused: " + err, code == 1 and "newer release" in err)
    code, _, err = run(services, "migrate", "--migrate-dir", str(scratch / "nowhere"))
    check("no folder: " + err, code == 1 and "--migrate-dir" in err)


def add_migrations(folder):
    (folder / "0901_index.sql").write_text("-- no-transaction\nCREATE INDEX CONCURRENTLY extra ON bucket (created_at);\n")
    (folder / "0902_fails.sql").write_text("CREATE TABLE half (n int);\nSELECT 1 / 0;\n")


def test_more_migrations(services, scratch):
    """In a database of its own, which the rest of the tests does not see."""
    services.psql("CREATE DATABASE other OWNER faultbucket", user="postgres", database="postgres")
    url = services.postgres_url.replace("dbname=faultbucket", "dbname=other")
    folder = folder_with(scratch / "more", add_migrations)
    many = [start(services, "migrate", "--migrate-dir", folder, FAULTBUCKET_POSTGRES_URL=url) for _ in range(3)]
    said = [p.communicate(timeout=120)[1] for p in many]
    check(f"a failing migration fails: {said}", all(p.returncode == 1 and "0902_fails.sql" in s for p, s in zip(many, said)))
    rows = services.psql("SELECT max(number), to_regclass('half'), to_regclass('extra') FROM schema_migration", database="other")
    check(f"and leaves nothing, what came before stays: {rows}", rows == [["901", None, "extra"]])

    services.psql("CREATE ROLE modest LOGIN; CREATE DATABASE third OWNER modest;", user="postgres", database="postgres")
    url = services.postgres_url.replace("dbname=faultbucket user=faultbucket", "dbname=third user=modest")
    code, _, err = run(services, "migrate", FAULTBUCKET_POSTGRES_URL=url)
    check("an owner who may create no roles, where they exist: " + err, code == 0)
    for role in ("writer", "ingest", "dashboards", "vendor"):
        services.psql(f"ALTER ROLE faultbucket_{role} RENAME TO hidden_{role}", user="postgres")
    code, _, err = run(services, "migrate", FAULTBUCKET_POSTGRES_URL=url)
    check("and where they do not: " + err, code == 0 and "CREATE ROLE faultbucket_writer;" in err)
    for role in ("writer", "ingest", "dashboards", "vendor"):
        services.psql(f"ALTER ROLE hidden_{role} RENAME TO faultbucket_{role}", user="postgres")


OLD_REPORTS = """
    INSERT INTO vendor (name) VALUES ('v'); INSERT INTO product (vendor_id, name) VALUES (1, 'p');
    INSERT INTO bucket (vendor_id, product_id, signature, unsymbolicated) VALUES (1, 1, 's', false), (1, 1, 't', false);
    INSERT INTO report (report_id, received_at, vendor_id, product_id, bucket_id, version, platform, dialect, dump_size, fb1_class, fb1_rule)
    SELECT gen_random_uuid(), now(), 1, 1, 1 + n % 2, '', '', '', 1, nullif(n % 4, 0), CASE WHEN n % 4 > 0 THEN 'FB-0' || n % 4 END
    FROM generate_series(1, 20) n;
    INSERT INTO trend_delta SELECT bucket_id, vendor_id, date_trunc('hour', received_at, 'UTC'), '', '', count(*),
        coalesce(max(fb1_class), 0), min(received_at), max(received_at) FROM report GROUP BY 1, 2, 3;
    INSERT INTO sample SELECT bucket_id, row_number() OVER (PARTITION BY bucket_id), 1, report_id, received_at, 1, '',
        jsonb_build_object('exploitability', jsonb_build_object('fb1', jsonb_build_object('class',
            (ARRAY['PROBABLY_NOT_EXPLOITABLE', 'UNKNOWN', 'PROBABLY_EXPLOITABLE'])[fb1_class]))) FROM report;"""


def test_old_reports(services, scratch):
    """0007 counts what was there before it; once, deltas or not."""
    services.psql("CREATE DATABASE old OWNER faultbucket", user="postgres", database="postgres")
    url = services.postgres_url.replace("dbname=faultbucket", "dbname=old")

    def six(folder):
        (folder / "0007_verdicts.sql").unlink()
        for view in (folder / "views").iterdir():
            view.unlink()
        (folder / "views" / "10_none.sql").write_text("SELECT 1;\n")
    code, _, err = run(services, "migrate", "--migrate-dir", folder_with(scratch / "six", six), FAULTBUCKET_POSTGRES_URL=url)
    check("six migrations: " + err, code == 0)
    services.psql(OLD_REPORTS, database="old")
    code, _, err = run(services, "migrate", FAULTBUCKET_POSTGRES_URL=url)
    check("the seventh: " + err, code == 0)
    rows = services.psql("SELECT class, rule, hits FROM dash.verdicts ORDER BY class_rank", database="old")
    check(f"verdicts of before: {rows}", [r[2] for r in rows] == ["5"] * 4 and rows[3][:2] == ["PROBABLY_EXPLOITABLE", "FB-03"])
    check("hits as well", services.psql("SELECT sum(hits) FROM dash.risk", database="old") == [["20"]])
    services.psql("INSERT INTO trend_delta SELECT bucket_id, 1, hour, '', '', 3, 4, now(), now(), 'FB-19', 'near_null exec_stack' FROM trend_hour",
                  database="old")
    for moved in ("waiting", "rolled up"):
        rows = services.psql("SELECT bucket_id, class, reach, hits, hits_of_class, rule, signals::text FROM dash.risk ORDER BY 1", database="old")
        check(f"{moved}: {rows}", rows == [[b, "EXPLOITABLE", "13", "13", "3", "FB-19", "{exec_stack,near_null}"] for b in ("1", "2")])
        rows = services.psql("SELECT signal, buckets, hits FROM dash.signals ORDER BY 1", database="old")
        check(f"signals {moved}: {rows}", rows == [["exec_stack", "2", "6"], ["near_null", "2", "6"]])
        check("rollup", services.psql("SELECT fb_rollup() >= 0, count(*) FROM sample WHERE class = 3", database="old") == [["t", "5"]])


def test_risk(services):
    rows = services.psql("SELECT class_rank, reach, score FROM dash.risk ORDER BY score DESC, bucket_id")
    check(f"{len(rows)} buckets have a rank", len(rows) == int(services.psql("SELECT count(*) FROM dash.buckets")[0][0]))
    check(f"the exploitable one comes first: {rows[0]}", rows[0][0] == "4")
    harmless, bad = (float(services.psql(f"SELECT fb_class_weight({c}) * log(2, 1 + {n})")[0][0]) for c, n in [(1, 10 ** 9), (4, 3)])
    check("no crowd outranks an exploitable crash on three machines", harmless < bad)


def test_vendors_and_keys(services):
    check("vendor add", run(services, "vendor", "add", "acme")[0] == 0)
    check("twice", run(services, "vendor", "add", "acme")[0] == 1)
    check("a hostile name", run(services, "vendor", "add", EVIL)[0] == 0)
    code, out, _ = run(services, "vendor", "list")
    check("list is safe: " + ascii(out), code == 0 and "acme" in out and not set(out) & {"\x1b", "\u202e", "\t"})
    code, out, err = run(services, "key", "create", "acme", "build farm")
    key = out.strip()
    check("key create: " + err, code == 0 and re.fullmatch(r"fbk_[0-9a-f]{32}", key) and key not in err)
    found = services.psql("SELECT vendor, revoked FROM ingest_key WHERE key_hash = sha256(:'key')", variables={"key": key})
    check(f"hashed at rest: {found}", found == [["acme", "f"]])
    check("shown once", key not in run(services, "key", "list")[1])
    check("no such vendor", run(services, "key", "create", "nobody")[0] == 1)
    check("revoke", run(services, "key", "revoke", "1")[0] == 0)
    check("revoked", services.psql("SELECT revoked FROM ingest_key") == [["t"]])
    check("no such key", run(services, "key", "revoke", "99")[0] == 1)
    for wrong in (["key"], ["key", "revoke", "x"], ["vendor"], ["bucket"], ["bucket", "zz"]):
        check(f"called wrongly: {wrong}", run(services, *wrong)[0] == 2)


def make_roles(services):
    services.psql("""
        CREATE ROLE reader_one LOGIN; CREATE ROLE reader_two LOGIN; CREATE ROLE reader_all LOGIN; CREATE ROLE worker LOGIN;
        GRANT faultbucket_vendor TO reader_one, reader_two; GRANT faultbucket_dashboards TO reader_all;
        GRANT faultbucket_writer TO worker;
        INSERT INTO vendor_reader SELECT 'reader_one', 1 UNION ALL SELECT 'reader_two', max(vendor_id) FROM vendor;""", user="postgres")


def test_batches(services):
    """tests/unit/test_store.c, which needs what we have; vendor 1 is acme."""
    done = subprocess.run([UNIT], text=True, capture_output=True, check=False, timeout=600,
                          env={**os.environ, "FAULTBUCKET_TEST_POSTGRES": services.postgres_url.replace("user=faultbucket", "user=postgres"),
                               "FAULTBUCKET_TEST_WRITER": services.postgres_url.replace("user=faultbucket", "user=worker")})
    check(f"test_store: {done.stdout}{done.stderr}", done.returncode == 0)


def test_buckets(services):
    services.psql("UPDATE bucket SET signature = :'evil' WHERE bucket_id = 1", variables={"evil": EVIL})
    code, out, err = run(services, "buckets", "--limit", "5")
    lines = out.splitlines()
    check(f"buckets: {ascii(out)} {err}", code == 0 and len(lines) == 6 and "SIGNATURE" in lines[0])
    check("a sparkline", "\u2588" in out)
    check("digits where blocks cannot be shown", "\u2588" not in run(services, "buckets", LC_ALL="C")[1])
    hits = [int(h) for h in re.findall(r"PROBABLY_EXPLOITABLE +(\d+)", out)]
    check(f"ranked: {hits}", len(hits) == 5 and hits == sorted(hits, reverse=True))
    code, out, _ = run(services, "buckets", "--json", "--vendor", "acme", "--limit", "100000")
    check("json: a line per bucket", code == 0 and len(out.splitlines()) == int(services.psql("SELECT count(*) FROM dash.buckets")[0][0]))
    check("another vendor has none", run(services, "buckets", "--vendor", EVIL, "--json")[1] == "")
    code, out, err = run(services, "bucket", "1")
    check(f"bucket: {ascii(out)} {err}", code == 0 and "Latest reports" in out and "Verdicts" in out and not set(out) & {"\x1b", "\u202e"})
    client = services.psql("SELECT encode(substr(uuid_send(report_id), 9), 'hex'), report_id FROM report WHERE bucket_id = 1 LIMIT 1")[0]
    for name in client:
        check("by a report's id", "bucket       1\n" in run(services, "bucket", name)[1])
    check("no such bucket", run(services, "bucket", "999999")[0] == 1)


def test_row_security(services):
    everything = services.psql("SELECT count(*) FROM dash.buckets")
    views = [r[0] for r in services.psql("SELECT viewname FROM pg_views WHERE schemaname = 'dash' ORDER BY 1")]
    check(f"views: {views}", len(views) == 9)
    check("reads its own", services.psql("SELECT count(*) FROM dash.buckets", user="reader_one") == everything)
    check("all of them", services.psql("SELECT count(*) FROM dash.buckets", user="reader_all") == everything)
    for view in views:
        rows = services.psql(f"SELECT count(*) FROM dash.{view}", user="reader_two")
        check(f"another vendor sees nothing of dash.{view}: {rows}", rows == [["0"]])
    tables = services.psql("SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'vendor_id'"
                           " AND table_name IN (SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition)")
    check("there are tables", len(tables) > 15)
    for (table,) in tables:
        try:
            rows = services.psql(f"SELECT count(*) FROM {table} WHERE vendor_id = 1", user="reader_two")
        except ServicesError as refused:
            rows = [["0"]] if "permission denied" in str(refused) else [[str(refused)]]
        check(f"nor of {table}: {rows}", rows == [["0"]])
    for sql in ("SELECT dump_zstd FROM sample", "SELECT message FROM dead_letter", "SELECT * FROM report_default",
                "DELETE FROM report", "SELECT fb_rollup()", "SELECT fb_make_partition(now()::date)", "SELECT key_hash FROM upload_key",
                "INSERT INTO vendor_reader VALUES ('reader_one', 2)"):
        try:
            services.psql(sql, user="reader_one")
            check(f"a reader may not: {sql}", False)
        except ServicesError as refused:
            check(f"refused for its rights: {refused}", "permission denied" in str(refused))
    check("a worker may", services.psql("SELECT fb_rollup() IS NOT NULL, count(*) > 0 FROM report", user="worker") == [["t", "t"]])


def test_examples(services):
    """Every query of docs/dashboards.md, as the role that dashboards use."""
    text = (ROOT / "docs" / "dashboards.md").read_text()
    examples = re.findall(r"```sql\n(.*?)```", text, re.S)
    check("there are examples", len(examples) >= 6)
    for sql in examples:
        try:
            services.psql(sql, user="reader_all")
        except ServicesError as refused:
            check(str(refused), False)
    for (view, columns) in services.psql("SELECT table_name, string_agg(column_name, ' ') FROM information_schema.columns"
                                         " WHERE table_schema = 'dash' GROUP BY 1"):
        part = text.split(f"## dash.{view}\n", 1)[-1].split("\n## ")[0]
        part += text.split("## dash.buckets\n")[1].split("\n## ")[0] if view == "bucket_detail" else ""
        missing = [c for c in columns.split() if f"`{c}`" not in part]
        check(f"dash.{view} is documented, but for {missing}", not missing)


def test_doctor(services):
    code, out, err = run(services, "doctor")
    check(f"doctor: {out} {err}", code == 0 and "FAILED" not in out and "Kafka topic" in out)
    services.halt("postgres")
    code, out, err = run(services, "doctor")
    check(f"without PostgreSQL: {out}", code == 1 and "check postgres.url" in out)
    code, _, err = run(services, "buckets")
    check(f"buckets without PostgreSQL: {err}", code == 1 and "postgres.url" in err)
    services.restart("postgres")


def main():
    for needed in (PROGRAM, UNIT):
        if not needed.exists():
            print(f"SKIPPED: {needed} is not built")
            return 77
    with tempfile.TemporaryDirectory() as scratch, Services(pathlib.Path(scratch) / "services", fast=True) as services:
        scratch = pathlib.Path(scratch)
        test_migrate(services, scratch)
        test_more_migrations(services, scratch)
        test_old_reports(services, scratch)
        test_vendors_and_keys(services)
        make_roles(services)
        test_batches(services)
        test_buckets(services)
        test_risk(services)
        test_row_security(services)
        test_examples(services)
        test_doctor(services)
    print(f"{checks} checks, {failures} failed")
    return failures != 0


if __name__ == "__main__":
    sys.exit(main())
