"""symbols.py -- a Breakpad symbol file for one image, from what its linker left.

    symbols.py ARCH IMAGE nm UNSTRIPPED_TWIN FOLDER
    symbols.py ARCH IMAGE pdb PDB FOLDER

Writes FOLDER/FILE/DEBUG_ID/NAME.sym, where FILE is what the image's debug record names, or else the image itself, as a
converter would. COFF symbols and a PDB's publics become PUBLIC, a PDB's procedures FUNC, its frame data STACK WIN, and
.eh_frame, in an x86 image without a PDB, STACK CFI. Where frames need a DWARF expression their function's rules end.
"""
import os
import re
import struct
import sys

import lab

SYM_ARCH = {'amd64': 'x86_64', 'x86': 'x86'}


def debug_record(image):
    """(debug id, file) of the image's CodeView record."""
    at = image.bytes.index(b'RSDS')
    a, b, c, tail = struct.unpack_from('<IHH8s', image.bytes, at + 4)
    age, = struct.unpack_from('<I', image.bytes, at + 20)
    name = image.bytes[at + 24:image.bytes.index(b'\0', at + 24)].decode()
    return f'{a:08X}{b:04X}{c:04X}{tail.hex().upper()}{age:X}', name or os.path.basename(image.path)


# -- names ----------------------------------------------------------------------------------


def parameters(name):
    """Bytes of arguments that a function takes off the stack, by its decoration on x86."""
    decorated = re.fullmatch(r'[_@].*@(\d+)', name)
    return int(decorated[1]) if decorated else 0


def plain(name, arch):
    return re.sub(r'@\d+$', '', re.sub('^[_@]', '', name)) if arch == 'x86' else name


def publics_of_nm(image, path):
    for line in lab.run(lab.TRIPLE[image.arch] + '-nm', path).splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[1] in 'Tt' and not fields[2].startswith('.'):
            yield int(fields[0], 16) - image.base, fields[2]


def publics_of_pdb(image, path):
    text = lab.run('llvm-pdbutil', 'dump', '--publics', path)
    pattern = r'S_PUB32 .*?`(.+?)`\n\s+flags = \S+, addr = (\d+):(\d+)'
    for name, section, offset in re.findall(pattern, text):
        rva = image.sections[int(section) - 1][1] + int(offset)
        if any(start <= rva < stop for start, stop in image.code):
            yield rva, name


def procedures(image, path):
    text = lab.run('llvm-pdbutil', 'dump', '--symbols', path)
    pattern = r'S_[GL]PROC32 .*?`(.+?)`\n.*?addr = (\d+):(\d+), code size = (\d+)'
    for name, section, offset, size in re.findall(pattern, text):
        yield image.sections[int(section) - 1][1] + int(offset), int(size), name


def names(image, kind, path):
    """FUNC records, and PUBLIC records for what they do not cover."""
    found = sorted((publics_of_pdb if kind == 'pdb' else publics_of_nm)(image, path))
    popped = {rva: parameters(name) for rva, name in found} if image.arch == 'x86' else {}
    functions = sorted(procedures(image, path)) if kind == 'pdb' else []
    known = {rva for rva, _, _ in functions}
    for rva, size, name in functions:
        yield f'FUNC {rva:x} {size:x} {popped.get(rva, 0):x} {name}'
    for rva, name in found:
        if rva not in known:
            known.add(rva)
            yield f'PUBLIC {rva:x} {popped.get(rva, 0):x} {plain(name, image.arch)}'


# -- frames ---------------------------------------------------------------------------------


def stack_win(path):
    """The PDB's frame data; llvm-pdbutil prints one table row each."""
    for line in lab.run('llvm-pdbutil', 'dump', '--fpo', path).splitlines():
        cells = [cell.strip() for cell in line.split('|')]
        if len(cells) == 11 and re.fullmatch('[0-9A-F]{8}', cells[0]):
            rva = int(cells[0], 16)
            size, local, params, deepest, prolog, saved = map(int, cells[1:7])
            yield (f'STACK WIN 4 {rva:x} {size:x} {prolog:x} 0 {params:x} {saved:x} {local:x} {deepest:x} 1'
                   f' {cells[10]}')


def cfi_rule(register, cell):
    """(name, expression) for one cell of objdump's table; no expression where it takes a DWARF one."""
    form = re.fullmatch(r'(e\w\w|c)([+-]\d+)', cell)
    if register == 'CFA':
        return '.cfa', form and f'${form[1]} {int(form[2])} +'
    name = '.ra' if register == 'ra' else f'${register}'
    return name, name if cell == 'u' else form and f'.cfa {-int(form[2])} - ^'


def one_function(image, block):
    """INIT, and then what changes: from the entry on, every register is as the caller had it."""
    start, stop = (int(text, 16) for text in re.search(r'pc=([0-9a-f]+)\.\.([0-9a-f]+)', block[0]).groups())
    head, *table = [line.split() for line in block[1:]] or [['LOC', 'CFA', 'ra'], [f'{start:x}', 'esp+4', 'c-4']]
    rows = [(int(row[0], 16), dict(map(cfi_rule, head[1:], row[1:]))) for row in table]
    end = next((at for at, rules in rows if None in rules.values()), stop)
    known = {f'${register}': f'${register}' for register in head}
    for at, rules in rows:
        if at < end:
            changed = ' '.join(f'{name}: {rule}' for name, rule in rules.items() if known.get(name) != rule)
            where = f'INIT {at - image.base:x} {end - start:x}' if at == start else f'{at - image.base:x}'
            yield f'STACK CFI {where} {changed}'
        known.update(rules)


def stack_cfi(image):
    text = lab.run(lab.TRIPLE[image.arch] + '-objdump', '--dwarf=frames-interp', image.path)
    for block in re.split(r'\n\s*\n', text):
        lines = block.strip().splitlines()
        if lines and ' FDE ' in lines[0]:
            yield from one_function(image, lines)


# -- the file -------------------------------------------------------------------------------


def records(image, kind, path):
    debug_id, file = debug_record(image)
    yield f'MODULE windows {SYM_ARCH[image.arch]} {debug_id} {file}'
    yield f'INFO CODE_ID {image.stamp:X}{image.size_of_image:x} {os.path.basename(image.path)}'
    yield from names(image, kind, path)
    if image.arch == 'x86':
        yield from stack_win(path) if kind == 'pdb' else stack_cfi(image)


def main():
    arch, path, kind, source, folder = sys.argv[1:]
    image = lab.Image(path, arch)
    debug_id, file = debug_record(image)
    place = f'{folder}/{file}/{debug_id}'
    os.makedirs(place, exist_ok=True)
    with open(f'{place}/{file.removesuffix(".pdb")}.sym', 'w') as sym:
        sym.writelines(f'{record}\n' for record in records(image, kind, source))


main()
