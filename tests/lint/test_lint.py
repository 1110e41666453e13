# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs every lint over the tree, and every lint over a copy with one fault in it."""
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

LINT = pathlib.Path(__file__).resolve().parent


def run(*command, cwd):
    out = subprocess.run([str(c) for c in command], cwd=cwd, text=True, capture_output=True,
                         check=False)
    return out.returncode, out.stdout + out.stderr


def python(name, root, *more):
    return run(sys.executable, LINT / name, *more, root, cwd=root)


def tracked(root):
    # Also where the clone belongs to somebody else, as in a container.
    out = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-co",
                          "--exclude-standard"], cwd=root, text=True, capture_output=True,
                         check=True)
    return [root / p for p in out.stdout.splitlines() if (root / p).is_file()]


def shell_scripts(root):
    found = []
    for path in tracked(root):
        if path.suffix == ".sh":
            found.append(path)
        elif not path.suffix:
            with open(path, "rb") as f:
                if f.readline().rstrip() in (b"#!/bin/bash", b"#!/bin/sh", b"#!/usr/bin/env bash"):
                    found.append(path)
    return found


def texts(root):
    skip = (".png", ".gpg", ".xml", ".rng", ".asc")
    return [p for p in tracked(root)
            if p.suffix not in skip and not {"corpus", "data"} & set(p.relative_to(root).parts)
            and p.name not in ("LICENSE", "codespell-words")]


def codespell(root, paths):
    return run("codespell", "--ignore-words", LINT / "codespell-words", *paths, cwd=root)


# ---- the tree is clean

@pytest.mark.parametrize("name", ["layers", "size", "style"])
def test_tree(source_root, name):
    code, out = python(f"check-{name}.py", source_root)
    assert code == 0, out


def test_tree_headers(source_root, build_dir):
    code, out = run(sys.executable, LINT / "check-headers.py", source_root, build_dir,
                    cwd=source_root)
    assert code == 0, out


def test_tree_symbols(source_root, build_dir):
    code, out = run(LINT / "check-symbols.sh", build_dir, cwd=source_root)
    assert code == 0, out


def test_tree_shellcheck(source_root):
    scripts = shell_scripts(source_root)
    assert scripts
    code, out = run("shellcheck", "-x", "-f", "gcc", *scripts, cwd=source_root)
    assert code == 0, out


def test_tree_spelling(source_root):
    code, out = codespell(source_root, texts(source_root))
    assert code == 0, out


# ---- each lint finds a fault

GOOD_C = """/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One sentence. */
#include "engine/base/error.h"
"""

GOOD_H = """/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One sentence. */
#pragma once

struct vzr_thing {
	int member; /**< a number */
};

/** Does it. */
int vzr_thing_do(struct vzr_thing *thing);
"""

LONG = GOOD_C + "static int big(void)\n{\n" + "\treturn 0;\n" * 100 + "}\n"
WIDE = GOOD_C + "int wide(int a, int b, int c, int d, int e, int f, int g)\n{\n\treturn 0;\n}\n"
DEEP = (GOOD_C + "int deep(int a)\n{\n" +
        "".join("\t" * (i + 1) + "if (a)\n" for i in range(5)) + "\t" * 6 + "return 1;\n"
        "\treturn 0;\n}\n")

SEEDS = [
    # lint, file, text, what must be said about it
    ("layers", "cache/x.c", GOOD_C + '#include "engine/settings.h"\n',
     'cache/x.c:4: layer cache includes "engine/settings.h" of layer shared'),
    ("layers", "engine/quota/x.c", GOOD_C + '#include "engine/unpack/unpack.h"\n',
     'engine/quota/x.c:4: layer quota includes "engine/unpack/unpack.h" of layer unpack'),
    ("layers", "cli/x.c", GOOD_C, 'cli/x.c:3: layer cli includes "engine/base/error.h"'),
    ("layers", "templates/x.c", GOOD_C + "#include <curl/curl.h>\n",
     "templates/x.c:4: <curl/curl.h> has another home"),
    ("layers", "engine/x.c", GOOD_C + "#include <archive.h>\n",
     "engine/x.c:4: <archive.h> has another home"),
    ("layers", "cache/x.c", GOOD_C + "#include <libxml/tree.h>\n",
     "cache/x.c:4: <libxml/tree.h> has another home"),
    ("layers", "cache/x.c", GOOD_C + "#include <jansson.h>\n",
     "cache/x.c:4: <jansson.h> has another home"),
    ("layers", "cache/x.c", GOOD_C + "#include <openssl/evp.h>\n",
     "cache/x.c:4: <openssl/evp.h> has another home"),
    ("layers", "engine/vzroot.h", GOOD_C, "engine/vzroot.h:3: the public header includes"),
    ("layers", "engine/odd/x.c", GOOD_C, "engine/odd/x.c:1: belongs to no layer"),
    ("layers", "cache/x.c", GOOD_C + '#include "error.h"\n',
     'cache/x.c:4: "error.h" is no path from the source root'),
    ("size", "cache/x.c", LONG, "cache/x.c:4: big() has 103 lines, at most 100"),
    ("size", "cache/x.c", GOOD_C + "\n" * 600, "cache/x.c:603: 603 lines, at most 600"),
    ("size", "cache/x.c", WIDE, "cache/x.c:4: wide() has 7 parameters, at most 6"),
    ("size", "cache/x.c", DEEP, "cache/x.c:10: deep() nests 5 deep, at most 4"),
    ("headers", "cache/x.h", GOOD_H.replace("#pragma once\n", ""), "cache/x.h:1: no #pragma once"),
    ("headers", "cache/x.h", GOOD_H.replace(" /**< a number */", ""),
     "cache/x.h:6: a struct member without a comment: int member;"),
    ("headers", "cache/x.h", GOOD_H.replace("/** Does it. */\n", ""),
     "cache/x.h:9: a prototype without a comment: vzr_thing_do()"),
    ("headers", "cache/x.h", GOOD_H.replace("int member", "uint64_t member"),
     "cache/x.h:1: does not compile alone with gcc"),
    ("style", "cache/x.c", "/* a file */\n" + GOOD_C, "cache/x.c:1: the first line is not"),
    ("style", "cache/x.c", GOOD_C.replace("/* One sentence. */\n", "\n"),
     "cache/x.c:2: the second line is no sentence"),
    ("style", "cache/x.c", GOOD_C + "static int x;" + " " * 90 + "/* */\n", "cache/x.c:4: 108 col"),
    ("style", "cache/x.c", GOOD_C + "        int x;\n", "cache/x.c:4: spaces where tabs belong"),
    ("style", "cache/x.c", GOOD_C + "/* TO" + "DO: more */\n", "cache/x.c:4: left open"),
    ("style", "cache/x.c", GOOD_C + "int x = y ?: 1;\n", "cache/x.c:4: '?:' without its middle"),
    ("style", "cache/x.c", GOOD_C + "char *p = alloca(3);\n", "cache/x.c:4: alloca()"),
    ("style", "cache/x.c", GOOD_C + "\tstrcpy(a, b);\n", "cache/x.c:4: a function that is not"),
    ("style", "cache/x.c", GOOD_C + "int v = a ? 'b' : 1;\n\tgets(s);\n", "cache/x.c:5: a func"),
    ("style", "cache/x.c", GOOD_C + "int x; \n", "cache/x.c:4: blanks at the end"),
    ("style", "cache/x.c", GOOD_C + "int x;", "cache/x.c:4: no newline at the end"),
    ("style", "tests/x.py", "print(1)\n", "tests/x.py:1: no licence line"),
    ("style", "tests/x.py", '"""/wo' + 'rk/x"""\n', "tests/x.py:1: a path of one machine"),
]


@pytest.fixture
def copy(tmp_path, source_root):
    """A small tree: the headers that the seeds include, and nothing else."""
    base = [str(p.relative_to(source_root)) for p in (source_root / "engine/base").glob("*.h")]
    for name in ("engine/vzroot.h", "engine/settings.h", "engine/unpack/unpack.h", *base):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source_root / name, target)
    exceptions = tmp_path / "tests/lint/size-exceptions"
    exceptions.parent.mkdir(parents=True)
    exceptions.write_text("engine/vzroot.h file # as in the tree\n")
    return tmp_path


@pytest.mark.parametrize("name,path,text,said", SEEDS)
def test_finds(copy, name, path, text, said):
    target = copy / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    code, out = python(f"check-{name}.py", copy)
    assert code == 1
    assert said in out


def test_accepts_good_files(copy):
    for path, text in (("cache/x.c", GOOD_C), ("cache/x.h", GOOD_H)):
        (copy / path).parent.mkdir(exist_ok=True)
        (copy / path).write_text(text, encoding="utf-8")
    for name in ("layers", "size", "headers", "style"):
        code, out = python(f"check-{name}.py", copy)
        assert code == 0, out


def test_size_exceptions_need_a_reason(copy):
    (copy / "cache").mkdir()
    (copy / "cache/x.c").write_text(WIDE, encoding="utf-8")
    exceptions = copy / "tests/lint/size-exceptions"
    header = exceptions.read_text()
    exceptions.write_text(header + "cache/x.c wide\n")
    assert python("check-size.py", copy)[0] != 0
    exceptions.write_text(header + "cache/x.c wide # as write(2)\n")
    assert python("check-size.py", copy)[0] == 0
    (copy / "cache/x.c").write_text(GOOD_C)
    assert "is no exception any more" in python("check-size.py", copy)[1]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Builds what a build directory holds from one C text."""
    def build(text, version_script="vzr_*;"):
        top = tmp_path_factory.mktemp("build")
        (top / "engine/base").mkdir(parents=True)
        (top / "x.c").write_text(text)
        (top / "x.map").write_text("V { global: %s local: *; };" % version_script)
        for command in (["gcc", "-O2", "-fPIC", "-c", "x.c"],
                        ["ar", "cr", "engine/base/libvzr-base.a", "x.o"],
                        ["gcc", "-shared", "-o", "engine/libvzroot.so.1", "x.o",
                         "-Wl,--version-script,x.map"]):
            subprocess.run(command, cwd=top, check=True)
        return top
    return build


SOUND = "int vzr_one(void); int vzr_one(void) { return 1; }\n"


@pytest.mark.parametrize("call,symbol", [
    ("printf(\"%d\", x)", "printf"), ("puts(\"x\")", "puts"), ("perror(\"x\")", "perror"),
    ("exit(x)", "exit"), ("abort()", "abort"), ("getenv(\"X\")", "getenv"),
    ("fputs(\"x\", stderr)", "stderr")])
def test_finds_symbols(library, tmp_path, call, symbol):
    top = library("#include <stdio.h>\n#include <stdlib.h>\n" + SOUND +
                  "void vzr_two(int x); void vzr_two(int x) { (void)x; %s; }\n" % call)
    (tmp_path / "list").write_text("vzr_one\nvzr_two\n")
    code, out = run(LINT / "check-symbols.sh", top, tmp_path / "list", cwd=top)
    assert code == 1
    assert f"x.o calls {symbol}" in out


def test_finds_exports(library, tmp_path):
    top = library(SOUND + "int other(void); int other(void) { return 2; }\n", "*;")
    (tmp_path / "list").write_text("vzr_one\n")
    code, out = run(LINT / "check-symbols.sh", top, tmp_path / "list", cwd=top)
    assert code == 1
    assert "shows what is not vzr_: other" in out
    top = library(SOUND)
    assert run(LINT / "check-symbols.sh", top, tmp_path / "list", cwd=top)[0] == 0
    (tmp_path / "list").write_text("vzr_one\nvzr_gone\n")
    code, out = run(LINT / "check-symbols.sh", top, tmp_path / "list", cwd=top)
    assert code == 1
    assert "< vzr_gone" in out


def test_finds_shell_and_spelling(tmp_path):
    script = tmp_path / "x.sh"
    script.write_text("#!/bin/bash\nrm -rf $1/\n")
    code, out = run("shellcheck", "-f", "gcc", script, cwd=tmp_path)
    assert code == 1 and "x.sh:2:" in out
    text = tmp_path / "x.md"
    text.write_text("rec" + "ieve the archive\n")
    code, out = codespell(tmp_path, [text])
    assert code != 0 and "x.md:1:" in out


def test_every_script_can_run(source_root):
    """A file that starts with #! is executable, and the other way round."""
    for path in tracked(source_root):
        with open(path, "rb") as f:
            script = f.read(2) == b"#!"
        assert script == os.access(path, os.X_OK), path
