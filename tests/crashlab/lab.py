"""lab.py -- what truth.py, verify.py and symbols.py share: the tables, and the images with their symbols.

Symbols come from the toolchain's own readers (nm for gcc's builds and for Wine's DLLs, llvm-pdbutil for
clang's), instructions from objdump. Nothing here knows the code that the dumps are to test.
"""
import bisect
import functools
import re
import struct
import subprocess

COLUMNS = 'name route thread arch code access address frame0 insn verdict note'.split()
TRIPLE = {'amd64': 'x86_64-w64-mingw32', 'x86': 'i686-w64-mingw32'}
WORD = {'amd64': 8, 'x86': 4}


def faults(*paths):
    """Every row of these tables: name -> {column: text}."""
    rows = {}
    for line in (line for path in paths for line in open(path)):
        match = re.match(r'FAULT\((.*)\)$', line)
        if match:
            cells = [cell.strip().strip('"') for cell in match[1].split(',', len(COLUMNS) - 1)]
            rows[cells[0]] = dict(zip(COLUMNS, cells))
    return rows


def builds(path):
    """Every row of builds.tsv: name -> {column: text}."""
    lines = [line.rstrip('\n') for line in open(path)]
    columns = next(line for line in reversed(lines) if line.startswith('#'))[2:].split('\t')
    rows = [dict(zip(columns, line.split('\t'))) for line in lines if not line.startswith('#')]
    return {row['build']: row for row in rows}


def for_arch(cell, arch):
    """A cell that gives amd64|x86 apart, or one value for both."""
    return cell.split('|')[-1 if arch == 'x86' else 0]


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Image:
    """A PE file: sections, functions, instructions; all positions are RVAs."""

    def __init__(self, path, arch, symbols=None, kind='none'):
        self.path, self.arch = path, arch
        self.bytes = open(path, 'rb').read()
        self.read_headers()
        readers = {'nm': self.from_nm, 'pdb': self.from_pdb, 'none': lambda _: {}}
        self.functions = readers[kind](symbols)
        self.starts = sorted(self.functions)

    def read_headers(self):
        pe = struct.unpack_from('<I', self.bytes, 0x3c)[0]
        _, count, self.stamp, _, _, size, _ = struct.unpack_from('<HHIIIHH', self.bytes, pe + 4)
        self.base, = struct.unpack_from('<Q' if self.arch == 'amd64' else '<I', self.bytes,
                                        pe + 24 + (24 if self.arch == 'amd64' else 28))
        self.size_of_image, = struct.unpack_from('<I', self.bytes, pe + 24 + 56)
        table = pe + 24 + size
        rows = [struct.unpack_from('<IIII12xI', self.bytes, table + 40 * i + 8) for i in range(count)]
        self.sections = [row[:4] for row in rows]
        self.code = [(at, at + size) for size, at, _, _, flags in rows if flags & 0x20000000]

    def from_nm(self, path):
        """Functions: a symbol in a text section; on x86 without its decoration."""
        found = {}
        for line in run(TRIPLE[self.arch] + '-nm', path).splitlines():
            fields = line.split()
            if len(fields) == 3 and fields[1] in 'Tt' and not fields[2].startswith('.'):
                name = fields[2]
                if self.arch == 'x86':
                    name = re.sub(r'@\d+$', '', name.removeprefix('_').removeprefix('@'))
                rva = int(fields[0], 16) - self.base
                if rva not in found or fields[1] == 'T':
                    found[rva] = name
        return found

    def from_pdb(self, path):
        """Procedures of the PDB's modules; publics too, for there the C runtime's functions are."""
        found = {}
        text = run('llvm-pdbutil', 'dump', '--publics', '--symbols', path)
        pattern = r'S_(PUB32|GPROC32|LPROC32) .*?`(.+?)`\n(?:.*\n)*?.*?addr = (\d+):(\d+)'
        for kind, name, section, offset in re.findall(pattern, text):
            rva = self.sections[int(section) - 1][1] + int(offset)
            if kind != 'PUB32' or rva not in found:
                found[rva] = name.removeprefix('_') if kind == 'PUB32' and self.arch == 'x86' else name
        return found

    def function_at(self, rva):
        """(name, start, end) of the function at or before `rva` in the code; None elsewhere."""
        stop = next((stop for start, stop in self.code if start <= rva < stop), None)
        at = bisect.bisect_right(self.starts, rva) - 1
        if stop is None or at < 0:
            return None
        if at + 1 < len(self.starts):
            stop = min(stop, self.starts[at + 1])
        return self.functions[self.starts[at]], self.starts[at], stop

    def read(self, rva, n):
        for _, at, size, offset in self.sections:
            if at <= rva and rva + n <= at + size:
                return self.bytes[offset + rva - at:offset + rva - at + n]
        return b''

    @functools.lru_cache(maxsize=None)
    def instructions(self, start, stop):
        """[(rva, text)] by objdump."""
        text = run(TRIPLE[self.arch] + '-objdump', '-d', '-M', 'intel', '--no-show-raw-insn',
                   f'--start-address={self.base + start}', f'--stop-address={self.base + stop}', self.path)
        found = re.findall(r'^\s*([0-9a-f]+):\t(.*)$', text, re.M)
        return [(int(at, 16) - self.base, ' '.join(body.split())) for at, body in found]

    def return_sites(self, name):
        """What a call made inside the named function leaves on the stack."""
        sites = set()
        for start in self.starts:
            if self.functions[start] == name:
                code = self.instructions(*self.function_at(start)[1:])
                sites |= {after[0] for before, after in zip(code, code[1:]) if before[1].startswith('call')}
        return sites

    @functools.cached_property
    def listing(self):
        """All of the code: [(rva, text)]."""
        return sum((self.instructions(*part) for part in self.code), [])

    def instruction(self, rva):
        """The instruction that starts at `rva`, or None."""
        return dict(self.listing).get(rva)

    def follows_call(self, rva):
        """Whether the instruction before `rva` is a call: a return address, then."""
        at = bisect.bisect_left(self.listing, (rva, ''))
        return 0 < at < len(self.listing) and self.listing[at][0] == rva and \
            self.listing[at - 1][1].startswith('call')
