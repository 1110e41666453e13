/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vzquota's file: sizes by the compiler, and what is refused of it. */
#include "tests/unit/vzquota_vectors.h"

#include "engine/base/cleanup.h"
#include "engine/quota/vzquota_file.h"

/* The compiler's own idea of the structs, as an independent measure of the sizes. */
typedef uint64_t u64_i386 __attribute__((aligned(4)));
struct stat_64 {
	uint64_t bhard, bsoft;
	int64_t btime;
	uint64_t bcurrent;
	uint32_t ihard, isoft;
	int64_t itime;
	uint32_t icurrent;
};
struct stat_32 {
	u64_i386 bhard, bsoft;
	int32_t btime;
	u64_i386 bcurrent;
	uint32_t ihard, isoft;
	int32_t itime;
	uint32_t icurrent;
};
struct object_64 {
	uint32_t id, type;
	struct stat_64 stat;
	uint32_t flags;
};
struct object_32 {
	uint32_t id, type;
	struct stat_32 stat;
	uint32_t flags;
};

static void sizes(void **state)
{
	char path[] = "/vz/private/some-longer-name-of-35b";
	struct vzr_vzquota_record records[5] = { { 0 } };
	const struct vzr_vzquota_file file = { .path = path, .records = records, .n_records = 5 };
	VZR_AUTO_BUF struct vzr_buf buf = { 0 };

	(void)state;
	assert_int_equal(sizeof(struct stat_64), 56);
	assert_int_equal(sizeof(struct stat_32), 44);
	assert_int_equal(offsetof(struct stat_64, ihard), 32);
	assert_int_equal(offsetof(struct stat_32, ihard), 28);
	assert_int_equal(sizeof(struct object_64), 72);
	assert_int_equal(sizeof(struct object_32), 56);
	assert_int_equal(strlen(path), 35);
	assert_int_equal(vzr_vzquota_emit(&file, VZR_VZQUOTA_X86_64, &buf), 0);
	assert_int_equal(buf.len, 563);
	vzr_buf_done(&buf);
	assert_int_equal(vzr_vzquota_emit(&file, VZR_VZQUOTA_I386, &buf), 0);
	assert_int_equal(buf.len, 8 + 56 + 4 + 35 + 40 + 5 * 56 + 8);
}

static void fix_checksum(unsigned char *data, size_t len)
{
	memset(data + len - 8, 0, 8);
	for (size_t i = 0; i < len - 8; i++)
		data[len - 8 + i % 8] ^= data[i];
}

static void broken_files(void **state)
{
	/* Changes one 32-bit number of the x86_64 vector and makes the checksum right again. */
	static const struct {
		size_t at;
		uint32_t value;
		bool fix;
		const char *message;
	} rows[] = {
		{ 0, 0xFEDCBB00, true, "version 2" },
		{ 0, 0xFEDCBA98, true, "version 1" },
		{ 0, 0x12345678, true, "does not begin as a vzquota file" },
		{ 8, 1, false, "checksum is wrong" },
		{ 88, 16, true, "size is not what its sections say" },
		{ 92, 1, true, "size is not what its sections say" },
		{ 96, 0, true, "NUL byte" },
		{ 123, 4, true, "size is not what its sections say" },
		{ 123, 0xFFFFFFFF, true, "size is not what its sections say" },
		{ 179, 2, true, "unknown type 2" },
		{ 247, 0, true, "user 0 has two records" },
	};
	static unsigned char data[4096];

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(rows); i++) {
		VZR_AUTO_VZQUOTA_FILE struct vzr_vzquota_file file = { 0 };
		struct vzr_error err = VZR_ERROR_INIT;
		size_t len = unhex(vector_x86_64, data);

		memcpy(data + rows[i].at, &rows[i].value, 4);
		if (rows[i].fix)
			fix_checksum(data, len);
		assert_error(vzr_vzquota_parse(data, len, VZR_VZQUOTA_X86_64, &file, &err),
			     -VZR_E_CONFIG, &err, rows[i].message);
	}
}

static void truncated_files(void **state)
{
	static unsigned char data[4096];
	size_t len = unhex(vector_x86_64, data);

	(void)state;
	for (size_t n = 0; n < len; n++) {
		VZR_AUTO_VZQUOTA_FILE struct vzr_vzquota_file file = { 0 };
		unsigned char *copy = malloc(n ? n : 1);

		assert_non_null(copy);
		memcpy(copy, data, n);
		if (n >= 8)
			fix_checksum(copy, n);
		assert_int_equal(vzr_vzquota_parse(copy, n, VZR_VZQUOTA_X86_64, &file, NULL),
				 -VZR_E_CONFIG);
		free(copy);
	}
}

static void other_abi(void **state)
{
	VZR_AUTO_VZQUOTA_FILE struct vzr_vzquota_file file = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;
	static unsigned char data[4096];
	size_t len = unhex(vector_i386, data);

	(void)state;
	assert_error(vzr_vzquota_parse(data, len, VZR_VZQUOTA_X86_64, &file, &err), -VZR_E_CONFIG,
		     &err, "other ABI");
	assert_ok(vzr_vzquota_parse(data, len, VZR_VZQUOTA_I386, &file, &err), &err);
	assert_string_equal(file.path, "/vz/private/101");
	assert_int_equal(file.flags, VZR_VZQUOTA_DIRTY | VZR_VZQUOTA_UGID_ON);
	assert_int_equal(file.n_records, 3);
	assert_int_equal(file.records[1].id, 1000);
	assert_int_equal(file.records[1].stat.block_soft, 8192 * 1024);
	assert_int_equal(file.records[1].stat.inode_hard, 2000);
	assert_true(file.records[2].is_group);
	assert_int_equal(file.group_grace.inode_s, 3600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(broken_files),
		cmocka_unit_test(truncated_files),
		cmocka_unit_test(other_abi),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
