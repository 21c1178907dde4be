"""A private PostgreSQL and a private Kafka for a system test: services.sh, as a Python object.

    with Services("/tmp/some-folder", fast=True) as services:
        services.create_topic("fb.reports", 4)
        rows = services.psql("SELECT 1, NULL, 'two'")    # [["1", None, "two"]]
        services.kill("kafka")                           # SIGKILL, data and port stay
        services.restart("kafka")

Standard library only; the psql client does the talking to PostgreSQL. What a command complains
about becomes the text of a ServicesError.
"""
import csv
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import kafka_wire  # noqa: E402

COMMAND = HERE / "private-services"
NULL = "\x01null\x01"  # how psql prints NULL for us, so that it differs from an empty text


class ServicesError(RuntimeError):
    """A service did not do what it was asked; the text says which, why, and where to look."""


class Services:
    def __init__(self, directory, kafka=True, postgres=True, fast=False):
        self.dir = pathlib.Path(directory).resolve()
        wanted = {"--no-kafka": not kafka, "--no-postgres": not postgres, "--fast": fast}
        self._options = [option for option, wish in wanted.items() if wish]

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Start both; on a folder that was stopped with keep=True, with its data and ports."""
        self._run("start", *self._options)

    def stop(self, keep=False):
        """End both and remove their data; with `keep` leave it. Doing it twice does no harm."""
        self._run("stop", *(["--keep"] if keep else []))

    def kill(self, which):
        """SIGKILL `which` ("kafka" or "postgres"), all its processes; data and port stay."""
        self._run(f"{which}-kill9")

    def halt(self, which):
        """End `which` in order, alone; data and port stay."""
        self._run(f"{which}-stop")

    def restart(self, which):
        """Start `which` again after kill or halt, and wait until it serves."""
        self._run(f"{which}-start")

    @property
    def brokers(self):
        return "127.0.0.1:" + self._note("kafka.port")

    @property
    def postgres_url(self):
        return f"host=127.0.0.1 port={self._note('postgres.port')} dbname=faultbucket user=faultbucket"

    @property
    def environment(self):
        """This process's environment, with the variables of DIR/env, for a program under test."""
        env = dict(os.environ)
        if (self.dir / "kafka.port").exists():
            env["FAULTBUCKET_KAFKA_BROKERS"] = self.brokers
        if (self.dir / "postgres.port").exists():
            env["FAULTBUCKET_POSTGRES_URL"] = self.postgres_url
            env.update(PGHOST="127.0.0.1", PGPORT=self._note("postgres.port"),
                       PGDATABASE="faultbucket", PGUSER="faultbucket")
        return env

    def psql(self, sql, user="faultbucket", database="faultbucket", variables=None):
        """Run SQL; the rows of all its statements, as lists of str or None.

        `variables` are psql's, to be quoted by it: psql("SELECT :'name'", variables={"name": x}).
        `user` "postgres" is the superuser.
        """
        command = ["psql", "-X", "-q", "--csv", "-t", "-v", "ON_ERROR_STOP=1", "-P", f"null={NULL}",
                   "-h", "127.0.0.1", "-p", self._note("postgres.port"), "-U", user, "-d", database]
        for name, value in (variables or {}).items():
            command += ["-v", f"{name}={value}"]
        done = subprocess.run(command, input=sql, text=True, capture_output=True, check=False)
        if done.returncode != 0:
            raise ServicesError(f"psql: {done.stderr.strip()}; the SQL was: {sql.strip()[:200]}")
        rows = csv.reader(done.stdout.splitlines(keepends=True))
        return [[None if field == NULL else field for field in row] for row in rows]

    def create_topic(self, name, partitions, **settings):
        """Create a topic; settings with dots go in as **{"max.message.bytes": 33554432}."""
        kafka_wire.create_topic(self.brokers, name, partitions, settings)

    def _note(self, name):
        try:
            return (self.dir / name).read_text().strip()
        except FileNotFoundError:
            service = name.split(".", maxsplit=1)[0]
            raise ServicesError(f"no {service} was started in {self.dir}; call start() first") from None

    def _run(self, command, *options):
        done = subprocess.run([COMMAND, command, self.dir, *options], text=True, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise ServicesError(f"private-services {command}: {done.stderr.strip()}")
