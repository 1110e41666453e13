/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every real document of a directory parses to what the directory's MANIFEST.tsv says of it. */
#include "check.h"

#include "engine/base/buf.h"
#include "engine/base/fd.h"
#include "engine/base/size.h"

enum column {
	FILE_NAME,
	SHA256,
	WELL_FORMED,
	TYPE,
	NAME,
	N_FS,
	ROOT_TYPE,
	ROOT_SOURCE,
	HARD_BYTES,
	SOFT_BYTES,
	LEGACY_QUOTA,
	PROVENANCE,
	COLUMNS
};

static int data_fd;

static bool is_none(const char *text)
{
	return !strcmp(text, "-");
}

static uint64_t want_kib(const char *bytes)
{
	uint64_t value;

	if (is_none(bytes))
		return VZR_NO_LIMIT;
	assert_int_equal(vzr_parse_uint(bytes, UINT64_MAX, &value), 0);
	return vzr_kib_up(value);
}

static void check_root(char **row, const struct vzr_domain *domain)
{
	const char *source = strchr(row[ROOT_SOURCE], '=');
	bool legacy = !strcmp(row[ROOT_TYPE], "legacy");
	size_t filesystems = domain->n_filesystems + (domain->root.type != VZR_ROOT_NONE);

	if (is_none(row[ROOT_TYPE])) {
		assert_int_equal(domain->root.type, VZR_ROOT_NONE);
	} else {
		assert_string_equal(vzr_root_type_name(domain->root.type),
				    legacy ? "template" : row[ROOT_TYPE]);
		assert_non_null(source);
		assert_string_equal(domain->root.source, source + 1);
		assert_string_equal(domain->root.target, "/");
	}
	/* The manifest counts those of <devices> only. */
	assert_int_equal(filesystems - legacy, strtoul(row[N_FS], NULL, 10));
}

/* One of "quota;level=user;username=root;102400" or "quota;type=size;max=10000;". */
static void check_quota(char *text, const struct vzr_domain *domain)
{
	const char *last = strrchr(text, ';') + 1;

	if (strstr(text, "level=vm")) {
		assert_int_equal(domain->vm.block_hard_kib, strtoull(last, NULL, 10));
		assert_int_equal(domain->vm.block_soft_kib, strtoull(last, NULL, 10));
	} else if (strstr(text, "level=user")) {
		assert_int_equal(domain->n_users, 1);
		assert_non_null(strstr(text, domain->users[0].name));
		assert_int_equal(domain->users[0].limits.block_hard_kib, strtoull(last, NULL, 10));
	} else if (strstr(text, "type=size")) {
		assert_int_equal(domain->vm.block_hard_kib,
				 strtoull(strstr(text, "max=") + 4, NULL, 10));
	} else {
		assert_non_null(strstr(text, "type=inodes"));
		assert_int_equal(domain->vm.inode_hard,
				 strtoull(strstr(text, "max=") + 4, NULL, 10));
	}
}

static void check_domain(char **row, const struct vzr_domain *domain)
{
	char *rest = row[LEGACY_QUOTA], *part;

	assert_string_equal(domain->type, row[TYPE]);
	assert_string_equal(domain->name, row[NAME]);
	check_root(row, domain);
	if (is_none(row[LEGACY_QUOTA])) {
		assert_int_equal(domain->vm.block_hard_kib, want_kib(row[HARD_BYTES]));
		assert_int_equal(domain->vm.block_soft_kib, want_kib(row[SOFT_BYTES]));
		assert_int_equal(domain->n_users + domain->n_groups, 0);
		return;
	}
	while ((part = strsep(&rest, "|")))
		check_quota(part, domain);
}

static void check_row(char **row)
{
	VZR_AUTO_BUF struct vzr_buf text = { 0 };
	struct vzr_domain *domain = NULL;
	struct vzr_error err = { 0 };
	int r;

	assert_ok(vzr_file_read(data_fd, row[FILE_NAME], &text, &err), &err);
	r = vzr_domain_load(row[FILE_NAME], text.data, text.len, &domain, &err);
	print_message("%s\n", row[FILE_NAME]);
	if (strcmp(row[WELL_FORMED], "yes") != 0) {
		/* What is refused so is the snippet of 2007, as its author wrote it. */
		assert_error(r, -VZR_E_ILL_FORMED, &err, "the element is <quota>");
		assert_int_equal(err.line, 6);
		assert_int_equal(err.column, 49);
		return;
	}
	assert_ok(r, &err);
	check_domain(row, domain);
	vzr_domain_free(domain);
}

static void test_manifest(void **state)
{
	VZR_AUTO_BUF struct vzr_buf text = { 0 };
	struct vzr_error err = { 0 };
	unsigned int rows = 0;
	char *rest, *line;

	(void)state;
	assert_ok(vzr_file_read(data_fd, "MANIFEST.tsv", &text, &err), &err);
	rest = text.data;
	(void)strsep(&rest, "\n");
	while ((line = strsep(&rest, "\n")) && *line) {
		char *row[COLUMNS];

		for (size_t i = 0; i < COLUMNS; i++) {
			row[i] = strsep(&line, "\t");
			assert_non_null(row[i]);
		}
		check_row(row);
		rows++;
	}
	assert_true(rows >= 20);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_manifest) };

	data_fd = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (data_fd < 0) {
		printf("skipped: the directory of documents is not there\n");
		return CHECK_SKIP;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
