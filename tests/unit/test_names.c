/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Template names in parts, the architecture tables, and which of several names is meant. */
#include "templates/name.h"

#include "check.h"

#include "engine/base/cleanup.h"

static void test_split(void **state)
{
	static const struct {
		const char *name, *distro, *version, *build, *arch, *words;
	} rows[] = {
		{ "fedora-core6-i386-minimal", "fedora", "6", NULL, "i686", "core minimal" },
		{ "fedora-core-6-i386-minimal", "fedora", "6", NULL, "i686", "core minimal" },
		{ "centos-6-x86_64", "centos", "6", NULL, "x86_64", "" },
		{ "ubuntu-14.04-x86_64-minimal", "ubuntu", "14.04", NULL, "x86_64", "minimal" },
		{ "debian-5.0-amd64-minimal", "debian", "5.0", NULL, "x86_64", "minimal" },
		{ "debian12", "debian", "12", NULL, NULL, "" },
		{ "oracle-7-x86_64-minimal-20170709", "oracle", "7", "20170709", "x86_64",
		  "minimal" },
		{ "alpine-minirootfs-3.19.4-x86", "alpine", "3.19.4", NULL, "i686", "minirootfs" },
		{ "ubuntu-jammy-oci-amd64-root", "ubuntu", NULL, NULL, "x86_64", "jammy oci root" },
		{ "busybox-x86_64-minimal", "busybox", NULL, NULL, "x86_64", "minimal" },
		{ "x86_64", "x86_64", NULL, NULL, NULL, "" },
		{ "suse", "suse", NULL, NULL, NULL, "" },
	};

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(rows); i++) {
		VZR_AUTO_NAME_PARTS struct vzr_name_parts parts = { 0 };
		char words[128] = "";

		assert_int_equal(vzr_name_split(rows[i].name, VZR_ARCH_OPENVZ, &parts), 0);
		for (size_t j = 0; j < parts.n_words; j++) {
			strcat(words, j ? " " : "");
			strcat(words, parts.words[j]);
		}
		assert_string_equal(parts.distro, rows[i].distro);
		assert_string_equal(parts.version ? parts.version : "-",
				    rows[i].version ? rows[i].version : "-");
		assert_string_equal(parts.build ? parts.build : "-",
				    rows[i].build ? rows[i].build : "-");
		assert_string_equal(parts.arch ? parts.arch : "-",
				    rows[i].arch ? rows[i].arch : "-");
		assert_string_equal(words, rows[i].words);
	}
}

static void test_split_limits(void **state)
{
	struct vzr_name_parts parts = { 0 };

	(void)state;
	assert_int_equal(vzr_name_split("---", VZR_ARCH_DEBIAN, &parts), -VZR_E_INPUT);
	assert_int_equal(vzr_name_split("a-b-c-d-e-f-g-h-i-j-k-l-m-n-o-p-q-r-s-t-u-v-w-x-y-z",
					VZR_ARCH_DEBIAN, &parts),
			 -VZR_E_INPUT);
}

static void test_arch(void **state)
{
	static const struct {
		enum vzr_arch_names names;
		const char *spelling, *canonical;
	} rows[] = {
		/* The trap: one spelling, two processors. */
		{ VZR_ARCH_DEBIAN, "armhf", "armv7" },
		{ VZR_ARCH_ALPINE, "armhf", "armv6" },
		{ VZR_ARCH_ALPINE, "armv7", "armv7" },
		{ VZR_ARCH_DEBIAN, "amd64", "x86_64" },
		{ VZR_ARCH_OPENVZ, "x86", "i686" },
		{ VZR_ARCH_ALPINE, "x86", "i686" },
		{ VZR_ARCH_OCI, "386", "i686" },
		{ VZR_ARCH_DEBIAN, "ppc64el", "ppc64le" },
		{ VZR_ARCH_DEBIAN, "x86_64", "x86_64" },
		{ VZR_ARCH_ALPINE, "amd64", "x86_64" }, /* foreign, but not ambiguous */
		{ VZR_ARCH_DEBIAN, "loong64", "loongarch64" },
		{ VZR_ARCH_DEBIAN, "minimal", NULL },
		{ VZR_ARCH_DEBIAN, "", NULL },
	};
	enum vzr_arch_names names;

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(rows); i++) {
		const char *got = vzr_arch_canonical(rows[i].names, rows[i].spelling);

		assert_string_equal(got ? got : "-", rows[i].canonical ? rows[i].canonical : "-");
	}
	assert_string_equal(vzr_arch_native("i586"), "i686");
	assert_string_equal(vzr_arch_native("armv7l"), "armv7");
	assert_string_equal(vzr_arch_native("sparc"), "sparc");
	assert_true(vzr_arch_names_parse("alpine", &names) && names == VZR_ARCH_ALPINE);
	assert_false(vzr_arch_names_parse("Alpine", &names));
}

static void test_elf(void **state)
{
	(void)state;
	assert_string_equal(vzr_arch_of_elf(62, true, true), "x86_64");
	assert_string_equal(vzr_arch_of_elf(3, false, true), "i686");
	assert_string_equal(vzr_arch_of_elf(183, true, true), "aarch64");
	assert_null(vzr_arch_of_elf(62, false, true)); /* x32 */
	assert_null(vzr_arch_of_elf(2, false, false));
}

/* The name that @wanted means among @names (",": between them); "?" if none, "!" if several. */
static void expect(const char *wanted, const char *native, const char *names, const char *result)
{
	VZR_AUTO_NAME_PARTS struct vzr_name_parts want = { 0 };
	struct vzr_name_parts parts[8] = { 0 };
	const char *name_of[8];
	VZR_AUTO_FREE char *copy = strdup(names);
	size_t n = 0, best = 0, equal = 0;
	char *save = NULL;

	assert_int_equal(vzr_name_split(wanted, VZR_ARCH_DEBIAN, &want), 0);
	for (char *p = strtok_r(copy, " ", &save); p; p = strtok_r(NULL, " ", &save)) {
		assert_int_equal(vzr_name_split(p, VZR_ARCH_OPENVZ, &parts[n]), 0);
		name_of[n] = p;
		if (vzr_name_matches(&want, native, &parts[n]))
			n++;
		else
			vzr_name_parts_done(&parts[n]);
	}
	for (size_t i = 1; i < n; i++)
		if (vzr_name_prefer(&want, &parts[i], &parts[best]) > 0)
			best = i;
	for (size_t i = 0; i < n; i++)
		equal += vzr_name_prefer(&want, &parts[best], &parts[i]) == 0;
	assert_string_equal(n == 0 ? "?" : equal > 1 ? "!" : name_of[best], result);
	for (size_t i = 0; i < n; i++)
		vzr_name_parts_done(&parts[i]);
}

static void test_meaning(void **state)
{
	const char *debian = "debian-11-x86_64 debian-12-x86_64 debian-12-i386 debian-9-x86_64";
	const char *ubuntu = "ubuntu-24.04.9-x86_64 ubuntu-24.04.10-x86_64 ubuntu-24.10-x86_64";

	(void)state;
	expect("debian", "x86_64", debian, "debian-12-x86_64");
	expect("debian", "i686", debian, "debian-12-i386");
	expect("debian-12-i386", "x86_64", debian, "debian-12-i386");
	expect("debian-12-x86", "x86_64", debian, "debian-12-i386");
	expect("debian-9", "x86_64", debian, "debian-9-x86_64");
	expect("debian-1", "x86_64", debian, "?");
	expect("debian", "aarch64", debian, "?");
	expect("ubuntu", "x86_64", ubuntu, "ubuntu-24.10-x86_64");
	expect("ubuntu-24.04", "x86_64", ubuntu, "ubuntu-24.04.10-x86_64");
	expect("ubuntu-24.04", "x86_64", "ubuntu-24.04.1-x86_64 ubuntu-24.04-x86_64",
	       "ubuntu-24.04-x86_64");
	expect("fedora-core6", "i686", "fedora-core6-i386-minimal", "fedora-core6-i386-minimal");
	expect("fedora-core6-minimal", "i686", "fedora-core6-i386-minimal fedora-core5-i386",
	       "fedora-core6-i386-minimal");
	expect("fedora-core6-devel", "i686", "fedora-core6-i386-minimal", "?");
	/* What was not asked for gives way to what has nothing more than was asked for. */
	expect("debian-12", "x86_64", "debian-12-x86_64-minbase debian-12-x86_64",
	       "debian-12-x86_64");
	expect("debian-12", "x86_64", "debian-12-x86_64-minbase debian-12-x86_64-full", "!");
	expect("debian", "x86_64", "debian-12-x86_64-minbase debian-11-x86_64",
	       "debian-12-x86_64-minbase");
	expect("oracle-7", "x86_64",
	       "oracle-7-x86_64-minimal-20170709 oracle-7-x86_64-minimal-20180101",
	       "oracle-7-x86_64-minimal-20180101");
	expect("oracle-7-x86_64-minimal-20170709", "x86_64",
	       "oracle-7-x86_64-minimal-20170709 oracle-7-x86_64-minimal-20180101",
	       "oracle-7-x86_64-minimal-20170709");
	expect("tool", "x86_64", "tool-1", "tool-1"); /* no architecture: native */
	expect("tool-i386", "x86_64", "tool-1", "?");
}

static void test_distance(void **state)
{
	(void)state;
	assert_int_equal(vzr_name_distance("debian", "debian"), 0);
	assert_int_equal(vzr_name_distance("debain", "debian"), 2);
	assert_int_equal(vzr_name_distance("", "abc"), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),	cmocka_unit_test(test_split_limits),
		cmocka_unit_test(test_arch),	cmocka_unit_test(test_elf),
		cmocka_unit_test(test_meaning), cmocka_unit_test(test_distance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
