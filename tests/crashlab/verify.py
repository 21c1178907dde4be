"""verify.py -- hold every dump of TRUTH.tsv against its row, with a reader that knows only the format.

    verify.py TRUTH.tsv DUMPS IMAGES [WORD...]

IMAGES holds ARCH/BUILD/ with the programs. No WORD (host name, home, paths) may occur in any dump, image
or PDB. obj2yaml, where it is installed, is a second reader. Exit status 1 when anything is amiss.
"""
import collections
import os
import re
import shutil
import struct
import subprocess
import sys

import lab

STREAMS = {'own': {3, 4, 5, 6, 7, 14, 15, 16, 24}, 'dbghelp': {3, 4, 5, 6, 7, 15}}
OWN_SIZE_MAX, ALL_SIZE_MAX = 64 * 1024, 8 * 1024 * 1024
CONTEXT = {'amd64': (1232, 248, 152, '<Q'), 'x86': (716, 184, 196, '<I')}  # size, ip, sp, word
EXECUTABLE, WRITABLE = 0xf0, 0xcc


class Dump:
    """A minidump, read straight from the description of the format."""

    def __init__(self, path, arch):
        self.bytes = open(path, 'rb').read()
        self.arch = arch
        magic, version, count, directory = self.get('<4sIII', 0)
        assert magic == b'MDMP' and version & 0xffff == 0xa793, 'header'
        entries = [self.get('<III', directory + 12 * i) for i in range(count)]
        self.streams = {kind: (rva, size) for kind, size, rva in entries if kind != 0}
        for rva, size in self.streams.values():
            assert rva + size <= len(self.bytes), 'a stream runs off the end'
        self.ranges = [self.get('<QII', at) for at in self.list_of(5, 16)]
        for _, size, rva in self.ranges:
            assert rva + size <= len(self.bytes), 'memory runs off the end'
        self.read_exception()

    def get(self, form, at):
        return struct.unpack_from(form, self.bytes, at)

    def list_of(self, kind, entry):
        """Where the entries of a stream with a plain count lie."""
        rva, size = self.streams[kind]
        count, = self.get('<I', rva)
        assert size == 4 + count * entry, f'stream {kind}: {count} entries in {size} bytes'
        return range(rva + 4, rva + size, entry)

    def string(self, rva):
        size, = self.get('<I', rva)
        return self.bytes[rva + 4:rva + 4 + size].decode('utf-16le')

    def read_exception(self):
        rva, size = self.streams[6]
        assert size == 168, 'exception stream'
        self.crashed, _, self.code, _, _, self.address, count = self.get('<IIIIQQI', rva)
        self.parameters = self.get(f'<{count}Q', rva + 40)
        context_size, at = self.get('<II', rva + 160)
        want, ip, sp, word = CONTEXT[self.arch]
        assert context_size >= want, f'context of {context_size} bytes'
        self.ip, self.sp = self.get(word, at + ip)[0], self.get(word, at + sp)[0]

    def threads(self):
        return {row[0]: row for row in (self.get('<IIIIQQIIII', at) for at in self.list_of(3, 48))}

    def modules(self):
        """name -> (base, size, stamp, CodeView record)."""
        found = {}
        for at in self.list_of(4, 108):
            base, size, _, stamp, name = self.get('<QIIII', at)
            record_size, record = self.get('<II', at + 76)
            key = self.string(name).replace('/', '\\').split('\\')[-1].lower()
            found[key] = (base, size, stamp, self.bytes[record:record + record_size])
        return found

    def unloaded(self):
        rva, size = self.streams[14]
        header, entry, count = self.get('<III', rva)
        assert size == header + entry * count, 'unloaded modules'
        rows = [self.get('<QIIII', rva + header + entry * i) for i in range(count)]
        return [(base, size, self.string(name)) for base, size, _, _, name in rows]

    def names(self):
        return {tid: self.string(rva) for tid, rva in (self.get('<IQ', at) for at in self.list_of(24, 12))}

    def regions(self):
        rva, size = self.streams[16]
        header, entry, count = self.get('<IIQ', rva)
        assert size == header + entry * count and count > 20, 'memory info'
        return [self.get('<QQIIQIII', rva + header + entry * i) for i in range(count)]

    def region(self, address):
        return next((row for row in self.regions() if row[0] <= address < row[0] + row[4]), None)

    def memory(self, address, size):
        """The bytes from `address` on, as many as one range has, at most `size`."""
        for start, length, rva in self.ranges:
            if start <= address < start + length:
                at = rva + address - start
                return self.bytes[at:min(at + size, rva + length)]
        return b''


# -- one check each: (dump, row, fault, images), by assertion ------------------------------


def streams(dump, row, fault, images):
    assert STREAMS[row['writer']] <= set(dump.streams), f'streams {sorted(dump.streams)}'
    assert row['writer'] != 'own' or len(dump.bytes) <= OWN_SIZE_MAX, f'{len(dump.bytes)} bytes'


def system(dump, row, fault, images):
    arch, = dump.get('<H', dump.streams[7][0])
    major, = dump.get('<I', dump.streams[7][0] + 8)
    assert arch == {'amd64': 9, 'x86': 0}[row['arch']] and major == 10, f'system {arch} {major}'


def exception(dump, row, fault, images):
    assert dump.code == int(row['code'], 16) == int(fault['code'], 16), f'code {dump.code:x}'
    assert dump.crashed in dump.threads(), 'the crashed thread is not in the list'
    if row['access'] != '-':
        assert {0: 'read', 1: 'write', 8: 'execute'}[dump.parameters[0]] == row['access'], 'access'
        assert dump.parameters[1] == int(row['address'], 16), f'address {dump.parameters[1]:x}'
    fast_fail = re.match(r'fast-fail code (\d+)', fault['note'])
    assert not fast_fail or dump.parameters[0] == int(fast_fail[1]), 'fast-fail code'


def absolute(dump, place):
    """An address of the truth, `module+0xRVA` or `0xADDRESS`, in this dump."""
    module, _, rva = place.rpartition('+')
    if not module:
        return int(rva, 16)
    bases = {name.rsplit('.', 1)[0]: found[0] for name, found in dump.modules().items()}
    for base, _, path in dump.unloaded() if 14 in dump.streams else []:
        bases.setdefault(path.split('\\')[-1].rsplit('.', 1)[0], base)
    return bases[module] + int(rva, 16)


def own_image(images, row, place):
    module, _, rva = place.rpartition('+')
    known = images.get((row['arch'], row['build'], module))
    return (known, int(rva, 16)) if known else (None, 0)


def instruction(dump, row, fault, images):
    first = row['stack_rva'].split(' < ')[0]
    assert dump.ip == absolute(dump, first), f'instruction pointer {dump.ip:x}, truth {first}'
    x87 = fault['name'] == 'float_divide' and row['arch'] == 'x86'  # there: the instruction before
    assert dump.address == dump.ip or x87 and dump.ip - dump.address == 2, f'exception address {dump.address:x}'
    image, rva = own_image(images, row, first)
    if fault['frame0'] == 'called':
        data = dump.memory(dump.ip, 1)
        wants = fault['insn'] == 'nop' and row['writer'] == 'own'
        assert not wants or data == b'\x90', 'bytes at a data address'
        return
    if image is None:
        return
    assert dump.memory(dump.ip, 8) == image.read(rva, 8), 'bytes at the instruction pointer'
    text = image.instruction(rva)
    assert text is not None and text.startswith(fault['insn']), f'instruction "{text}"'
    row['seen'] = text


def stack(dump, row, fault, images):
    """Every return address of the truth follows a call, and lies on the stack in its order."""
    word = lab.WORD[row['arch']]
    data = dump.memory(dump.sp, 1 << 20)
    count = len(data) // word
    words = struct.unpack(f'<{count}{"Q" if word == 8 else "I"}', data[:count * word])
    at = -1
    for place in row['stack_rva'].split(' < ')[1:]:
        address = absolute(dump, place)
        assert address in words[at + 1:], f'{place} is not on the stack'
        at = words.index(address, at + 1)
        image, rva = own_image(images, row, place)
        assert image is None or image.follows_call(rva), f'{place} does not follow a call'
    wants = {'smashed': 1, 'within': 1, 'callback': 3}.get(fault['frame0'], 5)
    assert row['stack_rva'].count(' < ') + 1 == wants, 'length of the true stack'
    hidden = fault['frame0'] in ('smashed', 'within') or fault['name'] == 'stack_overflow'
    assert hidden or fault['name'] in row['stack_functions'], 'the fault is not on the stack'


def modules(dump, row, fault, images):
    found = dump.modules()
    assert {'app.exe', 'ntdll.dll', 'kernel32.dll'} <= set(found), f'modules {sorted(found)}'
    image = images[row['arch'], row['build'], 'app']
    _, size, stamp, record = found['app.exe']
    assert (size, stamp) == (image.size_of_image, image.stamp), 'code id of app.exe'
    if row['writer'] == 'own':
        assert record[:4] == b'RSDS' and record in image.bytes, 'debug id of app.exe'
        assert fault['name'] != 'unloaded_module' or \
            any(path == 'C:\\lab\\plugin.dll' for _, _, path in dump.unloaded()), 'unloaded modules'


def own_extras(dump, row, fault, images):
    """What the own writer adds: TEB, thread names, protections; ranges in order and apart."""
    if row['writer'] != 'own':
        return
    last = 0
    for start, size, _ in dump.ranges:
        assert start > last, 'ranges overlap'
        last = start + size
    teb = dump.threads()[dump.crashed][4]
    top, limit = struct.unpack('<QQ' if row['arch'] == 'amd64' else '<II',
                               dump.memory(teb + lab.WORD[row['arch']], 2 * lab.WORD[row['arch']]))
    assert limit <= dump.sp < top or fault['name'] in ('stack_pivot', 'stack_overflow'), 'TEB stack limits'
    expected = {'log_writer', 'main'} | ({fault['thread']} - {'main'})
    assert expected <= set(dump.names().values()), f'thread names {dump.names()}'
    assert dump.names()[dump.crashed] == fault['thread'], 'name of the crashed thread'
    protections(dump, row)


def handler_chain(dump, row, fault, images):
    """x86: the chain of exception handlers starts in the TEB, rises within the stack, and ends in ~0."""
    if row['arch'] != 'x86' or row['writer'] != 'own' or fault['name'].startswith('stack_'):
        return
    at, top, _ = struct.unpack('<III', dump.memory(dump.threads()[dump.crashed][4], 12))
    last = 0
    while at != 0xffffffff:
        assert last < at < top and at % 4 == 0, f'handler chain at {at:x}'
        last, (at,) = at, struct.unpack('<I', dump.memory(at, 4))


def contexts(dump, row, fault, images):
    """The crashed thread's own context is the exception's, unless the thread waits for a reporter."""
    _, ip, _, word = CONTEXT[row['arch']]
    waits = '.reporter.' in row['file']
    assert (dump.get(word, dump.threads()[dump.crashed][9] + ip)[0] != dump.ip) == waits, 'thread context'


def protections(dump, row):
    region = dump.region(int(row['address'], 16)) if row['code'] == '0xc0000005' and row['access'] != '-' else None
    if region is None: # beyond what a process can ask about
        return
    state, protect = region[5:7]
    refused = {'read': 0xee, 'write': WRITABLE, 'execute': EXECUTABLE}[row['access']]
    assert state != 0x1000 or not protect & refused or protect & 0x101, 'the map allows the access'


CHECKS = [streams, system, exception, instruction, stack, modules, own_extras, handler_chain, contexts]


# -- all of them ---------------------------------------------------------------------------


def leaks(path, words):
    data = open(path, 'rb').read()
    narrow = data + data.replace(b'\0', b'')  # UTF-16 of these words is their ASCII with zeros between
    return [word for word in words
            if re.search(rb'(?<![A-Za-z0-9_])' + re.escape(word.encode()) + rb'(?![A-Za-z0-9_])', narrow, re.I)]


def second_reader(path):
    if shutil.which('obj2yaml') is None:
        return True
    done = subprocess.run(['obj2yaml', path], capture_output=True, text=True)
    return done.returncode == 0 and done.stdout.startswith('--- !minidump')


def complaints(path, row, fault, images):
    try:
        dump = Dump(path, row['arch'])
    except (AssertionError, struct.error) as wrong:
        yield f'{row["file"]}: {wrong}'
        return
    for check in CHECKS:
        try:
            check(dump, row, fault, images)
        except AssertionError as wrong:
            yield f'{row["file"]}: {check.__name__}: {wrong}'
    if not second_reader(path):
        yield f'{row["file"]}: obj2yaml cannot read it'


def load_images(root):
    found = {}
    for arch in lab.TRIPLE:
        for build in os.listdir(f'{root}/{arch}'):
            for name in ('app.exe', 'plugin.dll'):
                path = f'{root}/{arch}/{build}/{name}'
                if os.path.exists(path):
                    found[arch, build, name.split('.')[0]] = lab.Image(path, arch)
    return found


def main():
    truth, dumps, root, *words = sys.argv[1:]
    here = os.path.dirname(os.path.abspath(__file__))
    table = lab.faults(f'{here}/faults.def', f'{here}/rules/faults.def')
    images = load_images(root)
    lines = [line.rstrip('\n').split('\t') for line in open(truth, encoding='utf-8')]
    rows = [row for row in (dict(zip(lines[0], line)) for line in lines[1:]) if row['arch'] in lab.TRIPLE]
    wrong, counts, total = [], collections.Counter(), 0
    for row in rows:
        row['build'] = row['file'].split('.')[2]
        path = os.path.join(dumps, row['file'])
        total += os.path.getsize(path)
        wrong += complaints(path, row, table[row['bug']], images)
        counts[row['arch'], row['writer'], row['compiler']] += 1
        print(f'{row["bug"]:20} {row["file"].split(".", 1)[1]:32} {row.get("seen", "-")}')
    wrong += [f'{name} is nowhere dumped' for name in table.keys() - {row['bug'] for row in rows}]
    for folder, _, files in [*os.walk(dumps), *os.walk(root)]:
        wrong += [f'{name} contains "{word}"' for name in files
                  if re.search(r'(dmp|pdb|app.exe|dll)$', name)
                  for word in leaks(os.path.join(folder, name), words)]
    ids = collections.Counter((image.stamp, image.size_of_image) for image in images.values())
    wrong += [f'{stamp:08X}{size:x}: a code id of {n} images' for (stamp, size), n in ids.items() if n > 1]
    if total > ALL_SIZE_MAX:
        wrong.append(f'{total} bytes of dumps')
    for key, n in sorted(counts.items()):
        print(f'{n:4} {" ".join(key)}')
    print(f'{len(rows)} dumps, {total} bytes, {len(wrong)} complaints')
    for complaint in wrong:
        print(complaint)
    sys.exit(1 if wrong else 0)


if __name__ == '__main__':
    main()
