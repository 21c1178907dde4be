"""truth.py -- TRUTH.tsv: what each dump is, and what an analysis of it must find.

    truth.py WORK X86_ROOT > TRUTH.tsv

WORK holds build/ARCH/BUILD (images), out (dumps and, beside each, the debugger's notes) and src. The
true stack is not walked. It is put together from
  - the instruction pointer that the debugger saw at the event;
  - the trail: return addresses that the functions themselves recorded on entry (stage.h);
  - where the fault called away before it died, the one return address that it could not record:
    the word on the stack that objdump knows as the end of a call in just that function.
"""
import os
import sys

import lab

HEADER = ('file arch compiler flags writer bug code access address verdict stack_functions stack_rva'
          ' rule note').split()
WINE_DLLS = {
    'amd64': '/usr/lib/x86_64-linux-gnu/wine/x86_64-windows/',
    'x86': '/usr/lib/i386-linux-gnu/wine/i386-windows/',
}
WRITER = {'own': 'own', 'dbghelp': 'dbghelp', 'reporter': 'own'}
ACCESS = {0: 'read', 1: 'write', 8: 'execute'}
WITH_ACCESS = {0xc0000005, 0x80000001}
TOP = 5


def notes(path):
    """The debugger's notes: numbers by their name, and the modules."""
    found = {'modules': []}
    for line in open(path):
        key, *cells = line.split()
        if key in ('module', 'unloaded'):
            found['modules'].append((int(cells[0], 16), int(cells[1], 16), cells[2].split('\\')[-1]))
        elif key in ('parameters', 'trail', 'stack'):
            found[key] = [int(cell, 16) for cell in cells]
        else:
            found[key] = int(cells[0], 10 if key == 'thread' else 16)
    return found


class Images:
    """The images of one run, by module name; Wine's DLLs come with their symbols."""

    def __init__(self, work, root, arch, build):
        self.dir = f'{work}/build/{arch}/{build["build"]}/'
        self.system = ('' if arch == 'amd64' else root) + WINE_DLLS[arch]
        self.arch, self.pdb, self.known = arch, build['compiler'] == 'clang', {}

    def get(self, name):
        if name not in self.known:
            self.known[name] = self.load(name)
        return self.known[name]

    def load(self, name):
        own = self.dir + name
        if os.path.exists(own):
            if self.pdb:
                return lab.Image(own, self.arch, own.rsplit('.', 1)[0] + '.pdb', 'pdb')
            image = lab.Image(own, self.arch, own + '.full', 'nm')
            assert image.code == lab.Image(own + '.full', self.arch).code, f'{name}: its code lies elsewhere in its twin'
            return image
        path = self.system + name
        return lab.Image(path, self.arch, path, 'nm') if os.path.exists(path) else None


def place(note, images, pc):
    """(module, rva, function) of an address; module None when it is in none."""
    for base, size, name in note['modules']:
        if base <= pc < base + size:
            image = images.get(name)
            known = image.function_at(pc - base) if image else None
            return name.rsplit('.', 1)[0], pc - base, known[0] if known else None
    return None, pc, None


def return_into(note, images, module, function):
    """The one return address into the function that lies on the stack below the fault's own."""
    base = next(base for base, _, name in note['modules'] if name == module)
    sites = {base + rva for rva in images.get(module).return_sites(function)}
    own = note['stack'].index(note['trail'][0])
    found = {word for word in note['stack'][:own] if word in sites}
    assert len(found) == 1, f'{len(found)} return addresses into {function}'
    return found.pop()


def up_to_system(note, trail):
    """The trail as far as it has no gap: up to the first return address in a system DLL."""
    own = [range(base, base + size) for base, size, name in note['modules'] if name in ('app.exe', 'plugin.dll')]
    outside = (i for i, pc in enumerate(trail) if not any(pc in image for image in own))
    return trail[:next(outside) + 1]


def true_stack(note, images, fault):
    how = fault['frame0']
    if how in ('smashed', 'within'):
        return [note['ip']]
    if how == 'inside':
        return [note['ip']] + note['trail']
    if how == 'callback':
        return [note['ip']] + up_to_system(note, note['trail'])
    frames = [note['ip']]
    if how.startswith('through_'):
        frames.append(return_into(note, images, 'kernelbase.dll', how.removeprefix('through_')))
    frames.append(return_into(note, images, 'app.exe', fault['name']))
    assert how != 'called' or note['stack'][0] == frames[1], 'no call led here'
    return frames + note['trail']


def show(frames):
    """The two stack columns. Frames without a name end the list of names: they are the C runtime's."""
    names = []
    for module, _, function in frames:
        if function is None and names:
            break
        names.append(f'{module}!{function or "?"}' if module else '?')
    rvas = [f'{module}+{rva:#x}' if module else f'{rva:#x}' for module, rva, _ in frames[:TOP]]
    return ' < '.join(names[:16]), ' < '.join(rvas)


def check_event(note, fault, arch, name):
    """What the debugger saw is what the row asks for."""
    want, access = lab.for_arch(fault['address'], arch), lab.for_arch(fault['access'], arch)
    params = note['parameters']
    assert note['code'] == int(fault['code'], 16), f'{name}: code {note["code"]:x}'
    if access != 'none' and note['code'] in WITH_ACCESS:
        assert ACCESS[params[0]] == access, f'{name}: access {params[0]}'
        assert want == 'any' or params[1] == (note['ip'] if want == 'ip' else int(want, 16)), \
            f'{name}: address {params[1]:x}'


def row(work, file, table, build, images):
    bug, arch, _, writer, _ = file.split('.')
    note, fault = notes(f'{work}/out/{file[:-4]}.txt'), table[bug]
    check_event(note, fault, arch, file)
    frames = [place(note, images, pc) for pc in true_stack(note, images, fault)]
    if note['code'] == 0xc00000fd:
        frames = frames[:TOP]
    names, rvas = show(frames)
    has_access = note['code'] in WITH_ACCESS and note['parameters'] != []
    verdict, rule = fault['verdict'].split(':')
    notes_on = [fault['note'] or '-']
    if writer == 'reporter':
        notes_on.append("by a reporter: the crashed thread's own context is in a wait")
    return [file, arch, build['compiler'], build['flags'], WRITER[writer], bug, f'{note["code"]:#010x}',
            lab.for_arch(fault['access'], arch) if has_access else '-', f'{note["parameters"][1]:#x}' if has_access else '-',
            verdict, names, rvas, rule, '; '.join(notes_on).removeprefix('-; ')]


def main():
    work, root = sys.argv[1:3]
    table, builds, images = lab.faults(f'{work}/src/faults.def', f'{work}/rules/faults.def'), lab.builds(f'{work}/src/builds.tsv'), {}
    print('\t'.join(HEADER))
    for file in sorted(os.listdir(f'{work}/out')):
        if file.endswith('.dmp'):
            arch, build = file.split('.')[1:3]
            kept = images.setdefault((arch, build), Images(work, root, arch, builds[build]))
            print('\t'.join(row(work, file, table, builds[build], kept)))


main()
