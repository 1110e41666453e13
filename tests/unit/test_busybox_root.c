/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The built-in root: a valid archive, the same for the same program; which programs are refused. */
#include "templates/busybox_root.h"

#include "check.h"

#include "engine/base/cleanup.h"
#include "engine/base/digest.h"

#include <elf.h>

#define BLOCK 512

static uint64_t octal(const char *field, size_t size)
{
	char text[16] = "";

	memcpy(text, field, size);
	return strtoull(text, NULL, 8);
}

static void check_sum(const char *header)
{
	unsigned int sum = 0;

	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : (unsigned char)header[i];
	assert_int_equal(octal(header + 148, 8), sum);
}

/* Header of member @path, or NULL. Checks every header on the way. */
static const char *find(const struct vzr_buf *tar, const char *path)
{
	const char *found = NULL;
	size_t at = 0;

	while (at + BLOCK <= tar->len && tar->data[at]) {
		const char *header = tar->data + at;
		uint64_t size = octal(header + 124, 12);

		check_sum(header);
		assert_memory_equal(header + 257, "ustar\00000", 8);
		assert_int_equal(octal(header + 108, 8), 0);
		if (strcmp(header, path) == 0)
			found = header;
		at += BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK;
	}
	assert_int_equal(tar->len, at + 2 * BLOCK);
	return found;
}

static void test_archive(void **state)
{
	VZR_AUTO_BUF struct vzr_buf tar = { 0 };
	const char *applets = "bin/busybox\nbin/sh\nsbin/init\nusr/bin/awk\nlinuxrc\nusr/x/y\n"
			      "bin/../etc/passwd\n";
	const char *h;

	(void)state;
	assert_int_equal(vzr_busybox_root("program", 7, applets, &tar), 0);
	h = find(&tar, "bin/busybox");
	assert_non_null(h);
	assert_int_equal(octal(h + 124, 12), 7);
	assert_memory_equal(h + BLOCK, "program", 8);
	assert_int_equal(octal(h + 100, 8), 0755);
	assert_string_equal(find(&tar, "bin/sh") + 157, "busybox");
	assert_string_equal(find(&tar, "sbin/init") + 157, "../bin/busybox");
	assert_string_equal(find(&tar, "usr/bin/awk") + 157, "../../bin/busybox");
	assert_null(find(&tar, "linuxrc"));
	assert_null(find(&tar, "usr/x/y"));
	assert_null(find(&tar, "bin/../etc/passwd"));
	assert_int_equal(octal(find(&tar, "tmp/") + 100, 8), 01777);
	assert_int_equal(octal(find(&tar, "etc/shadow") + 100, 8), 0600);
	h = find(&tar, "dev/null");
	assert_int_equal(h[156], '3');
	assert_int_equal(octal(h + 329, 8), 1);
	assert_int_equal(octal(h + 337, 8), 3);
	for (size_t i = 0; i < 4; i++) {
		static const char *const dirs[] = { "proc/", "sys/", "root/", "var/log/" };

		assert_int_equal(find(&tar, dirs[i])[156], '5');
	}
}

static void test_same(void **state)
{
	VZR_AUTO_BUF struct vzr_buf one = { 0 }, two = { 0 }, other = { 0 };
	struct vzr_digest a, b, c;

	(void)state;
	assert_int_equal(vzr_busybox_root("program", 7, "bin/sh\n", &one), 0);
	assert_int_equal(vzr_busybox_root("program", 7, "bin/sh\n", &two), 0);
	assert_int_equal(vzr_busybox_root("programm", 8, "bin/sh\n", &other), 0);
	assert_int_equal(vzr_digest_of(VZR_SHA256, one.data, one.len, &a), 0);
	assert_int_equal(vzr_digest_of(VZR_SHA256, two.data, two.len, &b), 0);
	assert_int_equal(vzr_digest_of(VZR_SHA256, other.data, other.len, &c), 0);
	assert_true(vzr_digest_equal(&a, &b));
	assert_false(vzr_digest_equal(&a, &c));
}

static void test_tar_limits(void **state)
{
	struct vzr_tar tar = { 0 };
	char path[200];

	(void)state;
	memset(path, 'a', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	vzr_tar_add(&tar, '0', path, 0644, "", 0);
	vzr_tar_add(&tar, '0', "fine", 0644, "", 0);
	assert_int_equal(vzr_tar_end(&tar), -VZR_E_INPUT);
	vzr_buf_done(&tar.buf);
}

struct program {
	Elf64_Ehdr header;
	Elf64_Phdr parts[2];
};

static struct program make_program(void)
{
	struct program p = { .header = { .e_type = ET_EXEC,
					 .e_machine = EM_X86_64,
					 .e_phoff = sizeof(Elf64_Ehdr),
					 .e_phentsize = sizeof(Elf64_Phdr),
					 .e_phnum = 2 },
			     .parts = { { .p_type = PT_LOAD }, { .p_type = PT_LOAD } } };

	memcpy(p.header.e_ident, ELFMAG, SELFMAG);
	p.header.e_ident[EI_CLASS] = ELFCLASS64;
	p.header.e_ident[EI_DATA] =
		__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
	return p;
}

static int check(const struct program *p, size_t len, const char **arch, struct vzr_error *err)
{
	VZR_AUTO_FREE char *copy = malloc(len ? len : 1);

	memcpy(copy, p, len);
	return vzr_elf_check("/bin/busybox", copy, len, arch, err);
}

static void test_elf(void **state)
{
	struct program p = make_program();
	struct vzr_error err = VZR_ERROR_INIT;
	const char *arch;

	(void)state;
	assert_ok(check(&p, sizeof(p), &arch, &err), &err);
	assert_string_equal(arch, "x86_64");
	assert_error(check(&p, sizeof(p) - 1, &arch, &err), -VZR_E_UNSUPPORTED, &err, "broken");
	assert_error(check(&p, 20, &arch, &err), -VZR_E_UNSUPPORTED, &err, "no ELF");
	p.parts[1].p_type = PT_INTERP;
	assert_error(check(&p, sizeof(p), &arch, &err), -VZR_E_UNSUPPORTED, &err, "busybox-static");
	p = make_program();
	p.header.e_phoff = UINT64_MAX;
	assert_error(check(&p, sizeof(p), &arch, &err), -VZR_E_UNSUPPORTED, &err, "broken");
	p = make_program();
	p.header.e_machine = 2;
	assert_error(check(&p, sizeof(p), &arch, &err), -VZR_E_UNSUPPORTED, &err,
		     "known architecture");
	p = make_program();
	p.header.e_ident[EI_DATA] ^= 3;
	assert_error(check(&p, sizeof(p), &arch, &err), -VZR_E_UNSUPPORTED, &err, "byte order");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_archive),
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_tar_limits),
		cmocka_unit_test(test_elf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
