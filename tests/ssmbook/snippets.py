"""Code that reads files, lists folders or starts processes, for `test_coverage`."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import numpy


def fill(place: Path) -> Path:
    """Make the folder of a notebook, with files of every kind in it and beside it."""
    (place / "deep").mkdir(parents=True)
    for name in ("x.csv", "deep/x.csv", "deep/z.csv", "../x.csv"):
        (place / name).write_text("1\n2\n", encoding="utf-8")
    (place / "other.py").write_text("x = 1\n", encoding="utf-8")
    (place / "file:x.csv").write_text("1", encoding="utf-8")
    (place / "link.csv").symlink_to("x.csv")
    (place / "to").symlink_to("deep")
    (place / "../other/deep").mkdir(parents=True)
    for name in ("../other/x.csv", "../other/o.csv"):
        (place / name).write_text("1", encoding="utf-8")
    (place / "away").symlink_to("../other/deep")
    os.mkfifo(place / "pipe")
    numpy.save(place / "x.npy", [1])
    numpy.savez(place / "x.npz", [1])
    sqlite3.connect(place / "x.db").execute("create table a (b)")
    return place


READS = {
    "open": "open('x.csv')",
    "bytes": "open(b'x.csv', 'rb')",
    "a path": "import pathlib; pathlib.Path('deep/x.csv').read_text()",
    "os.open": "import os; os.open('x.csv', os.O_RDONLY)",
    "to change": "open('x.csv', 'r+')",
    "beside": "open('../x.csv')",
    "absolute": "import os; open(os.path.abspath('x.csv'))",
    "a link": "open('link.csv')",
    "after a change of folder": "import os; os.chdir('deep'); open('x.csv')",
    "numpy": "import numpy; numpy.load('x.npy')",
    "numpy, text": "import numpy; numpy.loadtxt('x.csv')",
    "numpy, mapped": "import numpy; numpy.load('x.npy', mmap_mode='r')",
    "numpy, several": "import numpy; numpy.load('x.npz')",
    "numpy, raw": "import numpy; numpy.fromfile('x.npy')",
    "pandas": "import pandas; pandas.read_csv('x.csv')",
    "sqlite": "import sqlite3; sqlite3.connect('x.db')",
    "sqlite, a URI": "import sqlite3; sqlite3.connect('file:x.db?mode=ro', uri=True)",
    "sqlite, another": (
        "import sqlite3; sqlite3.connect('file:%78.db?immutable=1', uri=True)"
    ),
    "a name with a colon": "open('file:x.csv')",
    "a pipe": "open('pipe')",
    "in an open folder": (
        "import os; f = os.open('deep', os.O_RDONLY); os.chdir('/')\n"
        "os.open('x.csv', os.O_RDONLY, dir_fd=f)"
    ),
    "below an open folder": (
        "import os; f = os.open('.', os.O_RDONLY); os.chdir('/')\n"
        "open('x.csv', opener=lambda p, m: os.open('deep/' + p, m, dir_fd=f))"
    ),
    "an open folder's link": (
        "import os; f = os.open('deep', os.O_RDONLY); open(f'/proc/self/fd/{f}/x.csv')"
    ),
    "/dev/fd": (
        "import os; f = os.open('deep', os.O_RDONLY); open(f'/dev/fd/{f}/x.csv')"
    ),
    "/proc/self/cwd": "open('/proc/self/cwd/x.csv')",
    "/proc/self/root": "import os; open('/proc/self/root' + os.path.abspath('x.csv'))",
    "up from a link": "open('away/../o.csv')",
    "%run": "%run other.py",
    "%run, within": "get_ipython().run_line_magic('run', 'other.py')",
    "%load": "%load other.py",
    "a module that is not registered": (
        "from importlib import util\n"
        "s = util.spec_from_file_location('o', 'other.py')\n"
        "s.loader.exec_module(util.module_from_spec(s))"
    ),
    "caught": "try: open('x.csv')\nexcept OSError: pass",
    "exec": "exec(open('other.py').read())",
    "runpy": "import runpy; runpy.run_path('other.py')",
    "appended and read": "open('x.csv', 'a').write('3'); open('x.csv').read()",
    "touched and read": "import pathlib; pathlib.Path('x.csv').touch(); open('x.csv')",
    "renamed and read": "import os; os.rename('x.csv', 'y'); open('y')",
    "linked and read": "import os; os.link('x.csv', 'y'); open('y')",
    "copied": "import shutil; shutil.copy('x.csv', 'y.csv')",
    "cut short": "import os; os.truncate('x.csv', 2); open('x.csv')",
    "labeled": "import os; os.setxattr('x.csv', 'user.a', b'1'); open('x.csv')",
    "touched in an open folder": (
        "import os; f = os.open('deep', os.O_RDONLY)\n"
        "os.utime('x.csv', dir_fd=f); open('deep/x.csv')"
    ),
    "renamed from an open folder": (
        "import os; f = os.open('deep', os.O_RDONLY)\n"
        "os.rename('x.csv', 'y', src_dir_fd=f); open('y')"
    ),
    "put in place of a link": (
        "import os; os.symlink('z', 'y'); os.rename('x.csv', 'y'); open('y')"
    ),
}  # fmt: skip

LISTS = {
    "os.listdir": "import os; os.listdir('.')",
    "the working folder": "import os; os.listdir()",
    "bytes, listed": "import os; os.listdir(b'deep')",
    "a folder's number": "import os; os.listdir(os.open('deep', os.O_RDONLY))",
    "os.scandir": "import os; os.scandir('deep')",
    "os.walk": "import os; [*os.walk('.')]",
    "os.fwalk": "import os; [*os.fwalk('deep')]",
    "glob": "import glob; glob.glob('*.csv')",
    "glob, deep": "import glob; glob.glob('**', recursive=True)",
    "pathlib": "import pathlib; [*pathlib.Path('deep').iterdir()]",
    "pathlib, glob": "import pathlib; [*pathlib.Path('.').glob('*.csv')]",
    "pathlib, deep": "import pathlib; [*pathlib.Path('.').rglob('*.csv')]",
    "the folder above": "import os; os.listdir('..')",
    "up from another link": "import os; os.listdir('away/..')",
    "the home folder": "import os; os.listdir(os.path.expanduser('~'))",
    "/dev/shm": "import os; os.listdir('/dev/shm')",
    "/proc/self/cwd listed": "import os; os.listdir('/proc/self/cwd')",
    "copytree": "import shutil; shutil.copytree('deep', 'copy')",
    "a renamed folder": "import os; os.rename('deep', 'new'); os.listdir('new')",
    "put in place of an own folder": (
        "import os; os.mkdir('new'); os.rename('deep', 'new'); os.listdir('new')"
    ),
    "made already": (
        "import os\ntry: os.mkdir('deep')\nexcept OSError: os.listdir('deep')"
    ),
    "listed and caught": "import os\ntry: os.listdir('.')\nexcept Exception: pass",
}

STARTS = {
    "!": "!cat x.csv",
    "! with a pattern": "!cat *.csv",
    "! to a file": "!echo 1 > y",
    "%%bash": "get_ipython().run_cell_magic('bash', '', 'cat <x.csv')",
    "%sx": "%sx cat x.csv",
    "os.system": "import os; os.system('cat *.csv > /dev/null')",
    "os.popen": "import os; os.popen('cat <x.csv').read()",
    "subprocess": "import subprocess; subprocess.run(['cat', 'x.csv'], check=True)",
    "a shell": "import subprocess; subprocess.run('cat <x.csv', shell=True)",
    "a shell, output": "import subprocess; subprocess.getoutput('cat *.csv')",
    "a Python": (
        "import subprocess, sys\n"
        "subprocess.run([sys.executable, '-c', 'print(open(\"x.csv\").read())'])"
    ),
    "another command": "import subprocess; subprocess.run(['uname', '-a'])",
    "os.fork": "import os; os.fork() or os._exit(0)",
    "pty.spawn": "import pty; pty.spawn('true')",
    "os.spawnv": "import os; os.spawnv(os.P_WAIT, '/bin/true', ['true'])",
    "os.posix_spawn": "import os; os.posix_spawn('/bin/true', ['true'], {})",
    "os.execv": "import os; os.execv('/bin/true', ['true'])",
    **{
        f"multiprocessing, {method}": (
            f"import multiprocessing; c = multiprocessing.get_context({method!r})\n"
            "c.Process(target=print).start()"
        )
        for method in ("fork", "spawn", "forkserver")
    },
    "a pool": "import multiprocessing; multiprocessing.Pool(1)",
    "futures": (
        "from concurrent.futures import ProcessPoolExecutor\n"
        "ProcessPoolExecutor(1).submit(print)"
    ),
    "joblib": (
        "import joblib\n"
        "joblib.Parallel(2, 'loky')(joblib.delayed(print)(i) for i in range(2))"
    ),
    "PyTorch's loader": (
        "from torch.utils.data import DataLoader\n[*DataLoader([1], num_workers=1)]"
    ),
    "started and caught": "import os\ntry: os.system('true')\nexcept Exception: pass",
}  # fmt: skip


ALLOWED = {
    "a parameter": ("open(data)", {"data": "x.csv"}),
    "a text": ("open(text)", {"text": "deep/x.csv"}),
    "below a parameter": ("open(data + '/x.csv')", {"data": "deep"}),
    "a link as parameter": ("open(data)", {"data": "link.csv"}),
    "the file of a link": ("open('x.csv')", {"data": "link.csv"}),
    "what it wrote": ("open('y', 'w').write('1'); open('y').read()", {}),
    "what it wrote over": ("open('x.csv', 'w').write('1'); open('x.csv').read()", {}),
    "what it put in place": (
        "import os; open('t', 'w').write('1'); os.replace('t', 'x.csv'); open('x.csv')",
        {},
    ),
    "a file for a time": ("import tempfile; tempfile.TemporaryFile().read()", {}),
    "a result": ("import torch; torch.save(1, 'y'); torch.load('y')", {}),
    "added to": ("open('x.csv', 'a').write('3')", {}),
    "the system": ("open('/etc/os-release'), open('/proc/self/stat')", {}),
    "a device": ("open('/dev/null'), open('/dev/urandom', 'rb').read(1)", {}),
    "the library": ("import json; open(json.__file__)", {}),
    "a package": ("import numpy; open(numpy.__file__)", {}),
    "a covered module": ("import ssmbook; open(ssmbook.__file__)", {}),
    "up from a link to a parameter": (
        "open('away/../x.csv')", {"data": "../other/x.csv"}
    ),
    "in a covered folder": (
        "import os; f = os.open('deep', os.O_RDONLY)\n"
        "os.open('z.csv', os.O_RDONLY, dir_fd=f); os.listdir(f)",
        {"data": "deep"},
    ),
    "a covered folder": ("import os; [*os.walk(data)]", {"data": "deep"}),
    "a covered folder, by a link": ("import os; os.listdir('to')", {"data": "deep"}),
    "a folder that it made": (
        "import os; os.makedirs('a/b'); os.rename('a', 'c'); [*os.walk('c')]", {}
    ),
    "a folder for a time": (
        "import tempfile, os\n"
        "with tempfile.TemporaryDirectory() as t: os.listdir(t)",
        {},
    ),
    "the folder of a package": (
        "import os, numpy; os.listdir(os.path.dirname(numpy.__file__))", {}
    ),
    "the modules of the library": (
        "import pkgutil, ssmbook; [*pkgutil.iter_modules(ssmbook.__path__)]", {}
    ),
    "a pipe that it made": (
        "import os; os.mkfifo('own'); os.open('own', os.O_RDONLY | os.O_NONBLOCK)", {}
    ),
    "the machine": (
        "import platform, ctypes.util\n"
        "platform.platform(), platform.processor(), ctypes.util.find_library('c')",
        {},
    ),
    "fonts": ("from matplotlib import font_manager as f; f._load_fontmanager()", {}),
    "a thread": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "ThreadPoolExecutor(1).submit(int).result()",
        {},
    ),
    "PyTorch's loader, alone": (
        "from torch.utils.data import DataLoader\n[*DataLoader([1])]", {}
    ),
}  # fmt: skip
