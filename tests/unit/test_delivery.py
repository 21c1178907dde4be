#!/usr/bin/python3
"""What compose.yaml, the Dockerfile and the documents say agrees with the programs.

Every FAULTBUCKET_ variable that they name is an option of common/config.h (or one of the build's
own), every option stands in docs/operating.md with its default, and what the Dockerfile copies is
there.
"""
import pathlib
import re
import sys

# Not options of the programs: of the build, the tests and the file of options itself.
OF_OUR_OWN = {"FAULTBUCKET_CONFIG", "FAULTBUCKET_BUILD", "FAULTBUCKET_CORPUS", "FAULTBUCKET_KAFKA_HOME",
              "FAULTBUCKET_SEED"}
SPEAKERS = ["README.md", "demo", "check", "docker/compose.yaml", "docker/Dockerfile", "docs"]


def options():
    """The options of the table in config.h, name to default."""
    rows = re.findall(r'X\([A-Z_]+, "([a-z_.]+)", "([^"]*)",', pathlib.Path("common/config.h").read_text())
    return dict(rows)


def variable(option):
    return "FAULTBUCKET_" + option.upper().replace(".", "_")


def speakers():
    for name in SPEAKERS:
        path = pathlib.Path(name)
        yield from sorted(path.rglob("*.md")) if path.is_dir() else [path]


def unknown_variables(known):
    for path in speakers():
        for name in sorted(set(re.findall(r"FAULTBUCKET_[A-Z_]*[A-Z]", path.read_text()))):
            if name not in known:
                yield f"{path} names {name}, which is no option of common/config.h"


def undocumented(table):
    text = pathlib.Path("docs/operating.md").read_text()
    for option, default in table.items():
        row = re.search(rf"^\| `{re.escape(option)}` \| (.*?) \|", text, re.MULTILINE)
        if row is None:
            yield f"docs/operating.md has no row for `{option}`"
        elif row.group(1) != (f"`{default}`" if default else "–"):
            yield f"docs/operating.md gives `{option}` the default {row.group(1)}; it is `{default}`"


def not_there():
    for line in pathlib.Path("docker/Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                if not pathlib.Path(source).exists():
                    yield f"docker/Dockerfile copies {source}, which is not there"


def other_kafka():
    pom = re.search("<kafka.version>(.*)</kafka.version>", pathlib.Path("docker/setup/kafka/pom.xml").read_text())
    image = re.search("image: apache/kafka:(.*)", pathlib.Path("docker/compose.yaml").read_text())
    if pom.group(1) != image.group(1):
        yield f"compose.yaml runs Kafka {image.group(1)}, the tests run {pom.group(1)}"


def main():
    table = options()
    known = OF_OUR_OWN | {variable(option) for option in table}
    faults = [*unknown_variables(known), *undocumented(table), *not_there(), *other_kafka()]
    if len(table) < 20:
        faults.append(f"only {len(table)} options were found in common/config.h: its table has another form now")
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
