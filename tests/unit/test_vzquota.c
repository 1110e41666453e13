/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vzquota: the file byte by byte in both ABIs, and what becomes of the limits of a document. */
#include "tests/unit/world.h"

#include "engine/base/cleanup.h"
#include "engine/limits.h"
#include "engine/quota/quota.h"
#include "engine/quota/vzquota_file.h"

#include <sys/stat.h>

#define NONE VZR_NO_LIMIT

/*
 * Made with Python's struct from the C structs of vzquota 3.1, not with our code:
 *   stat  64: "<QQqQIIqI4x"  32: "<QQiQIIiI"   (bhard, bsoft, btime, bcur, ihard, isoft, itime, icur)
 *   info  64: "<qqI4x"       32: "<iiI"
 *   file: "<II" magic flags | stat | info | "<Q"/"<I" path length | path | "<IIII" limit 0 0 n |
 *         info of users | info of groups | n * ("<II" id type | stat | "<I" flags [4x]) | "<Q" xor
 * with VM 92160:102400 KiB 18000:20000 inodes 600 s, user 0 51200:51200 KiB, user 1000
 * 8192:10240 KiB 1500:2000 inodes, group 100 500:500 inodes, 259200 s and 3600 s, 212 records.
 */
static const char vector_x86_64[] =
	"27bcdcfe0600000000004006000000000000a0050000000000000000000000000000000000000000204e0000"
	"5046000000000000000000000000000000000000580200000000000058020000000000000000000000000000"
	"0f000000000000002f767a2f707269766174652f313031d400000000000000000000000300000080f4030000"
	"00000080f40300000000000000000000000000100e000000000000100e000000000000000000000000000000"
	"0000000000000000002003000000000000200300000000000000000000000000000000000000000000000000"
	"000000000000000000000000000000000000000000000000000000e8030000000000000000a0000000000000"
	"0080000000000000000000000000000000000000000000d0070000dc05000000000000000000000000000000"
	"0000000000000000000000640000000100000000000000000000000000000000000000000000000000000000"
	"00000000000000f4010000f401000000000000000000000000000000000000000000000000000043d023d713"
	"04580a";
static const char vector_i386[] =
	"27bcdcfe0600000000004006000000000000a00500000000000000000000000000000000204e000050460000"
	"00000000000000005802000058020000000000000f0000002f767a2f707269766174652f313031d400000000"
	"000000000000000300000080f4030080f4030000000000100e0000100e000000000000000000000000000000"
	"0020030000000000002003000000000000000000000000000000000000000000000000000000000000000000"
	"000000e8030000000000000000a000000000000000800000000000000000000000000000000000d0070000dc"
	"0500000000000000000000000000006400000001000000000000000000000000000000000000000000000000"
	"00000000000000f4010000f40100000000000000000000000000009db9646bcd6d1fb6";

static size_t unhex(const char *hex, unsigned char *out)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(sscanf(hex + 2 * i, "%2hhx", &out[i]), 1);
	return n;
}

static const struct vzr_limits vm_limits = { 92160, 102400, 18000, 20000, 600 };
static const struct vzr_limits no_limits = VZR_LIMITS_NONE;

static char name_root[] = "root", name_bob[] = "bob", name_users[] = "users";

static const struct vzr_owner_limits users[] = {
	{ name_root, 0, true, { NONE, 51200, NONE, NONE, NONE } },
	{ name_bob, 1000, true, { 8192, 10240, 1500, 2000, NONE } },
};
static const struct vzr_owner_limits groups[] = {
	{ name_users, 100, true, { NONE, NONE, NONE, 500, 3600 } },
};

static struct vzr_quota_job job_of(struct world *w)
{
	return (struct vzr_quota_job){
		.ctx = &w->ctx,
		.settings = w->settings,
		.handoff = "openvz",
		.ctid = 101,
		.private_path = "/vz/private/101",
		.vm = &vm_limits,
		.users = users,
		.n_users = 2,
		.groups = groups,
		.n_groups = 1,
		.owner_count = 103,
		.no_sync = true,
	};
}

static const struct vzr_quota_ops *vzquota(void)
{
	const struct vzr_quota_ops *ops = vzr_quota_find("vzquota");

	assert_non_null(ops);
	return ops;
}

/* ---- the file ---- */

static void read_bytes(const struct world *w, const char *path, unsigned char *out, size_t *len)
{
	int fd = openat(w->fd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, out, 65536);

	assert_true(fd >= 0 && n >= 0);
	close(fd);
	*len = (size_t)n;
}

static void check_vector(struct world *w, const char *abi, const char *hex)
{
	const struct vzr_quota_job job = job_of(w);
	VZR_AUTO_KV struct vzr_kv conf = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;
	static unsigned char got[65536], want[4096];
	size_t n_got, n_want = unhex(hex, want);

	assert_ok(vzr_settings_set(w->settings, "VZQUOTA_ABI", abi, &err), &err);
	assert_ok(vzquota()->set(&job, w->undo, &conf, &err), &err);
	read_bytes(w, "var/vzquota/quota.101", got, &n_got);
	assert_int_equal(n_got, n_want);
	assert_memory_equal(got, want, n_want);
	assert_string_equal(vzr_kv_get(&conf, "DISKSPACE"), "92160:102400");
	assert_string_equal(vzr_kv_get(&conf, "DISKINODES"), "18000:20000");
	assert_string_equal(vzr_kv_get(&conf, "QUOTATIME"), "600");
	assert_string_equal(vzr_kv_get(&conf, "QUOTAUGIDLIMIT"), "212");
	assert_string_equal(vzr_kv_get(&conf, "DISK_QUOTA"), "yes");
}

static void vectors(void **state)
{
	struct world *w = *state;
	struct stat st;

	check_vector(w, "x86_64", vector_x86_64);
	/* Set again: the file of before is stale and goes. */
	check_vector(w, "i386", vector_i386);
	assert_int_equal(fstatat(w->fd, "var/vzquota/quota.101", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(fstatat(w->fd, "var/vzquota", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	world_undo(w);
	assert_false(exists(w->fd, "var/vzquota"));
}

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

/* ---- set ---- */

static void only_vm(void **state)
{
	struct world *w = *state;
	struct vzr_quota_job job = job_of(w);
	const struct vzr_limits limits = { NONE, 102400, NONE, NONE, NONE };
	VZR_AUTO_KV struct vzr_kv conf = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;

	job.vm = &limits;
	job.n_users = job.n_groups = 0;
	make_dirs(w, "var/vzquota");
	put_text(w->fd, "var/vzquota/quota.101", "of an earlier container");
	put_text(w->fd, "var/vzquota/quota.102", "of another one");
	assert_ok(vzquota()->set(&job, w->undo, &conf, &err), &err);
	assert_false(exists(w->fd, "var/vzquota/quota.101"));
	assert_true(exists(w->fd, "var/vzquota/quota.102"));
	assert_string_equal(vzr_kv_get(&conf, "DISKSPACE"), "102400:102400");
	assert_null(vzr_kv_get(&conf, "DISKINODES"));
	assert_null(vzr_kv_get(&conf, "QUOTATIME"));
	assert_null(vzr_kv_get(&conf, "QUOTAUGIDLIMIT"));
}

static void nothing_asked(void **state)
{
	struct world *w = *state;
	struct vzr_quota_job job = job_of(w);
	VZR_AUTO_KV struct vzr_kv conf = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;
	char reason[VZR_QUOTA_REASON];

	job.vm = &no_limits;
	job.n_users = job.n_groups = 0;
	make_dirs(w, "var/vzquota");
	put_text(w->fd, "var/vzquota/quota.101", "of an earlier container");
	assert_false(vzr_quota_asked(&job));
	assert_int_equal(vzquota()->probe(&job, reason), 1);
	assert_ok(vzquota()->set(&job, w->undo, &conf, &err), &err);
	assert_int_equal(conf.count, 0);
	assert_false(exists(w->fd, "var/vzquota/quota.101"));
}

static void headroom(void **state)
{
	struct world *w = *state;
	struct vzr_quota_job job = job_of(w);
	static const struct {
		uint64_t owners;
		const char *want;
	} rows[] = {
		{ 0, "103" },	{ 20, "123" },	     { 97, "200" },
		{ 500, "1006" }, { 1u << 30, "2147483647" }, { UINT64_MAX, "2147483647" },
	};

	for (size_t i = 0; i < VZR_COUNT(rows); i++) {
		VZR_AUTO_KV struct vzr_kv conf = { 0 };
		struct vzr_error err = VZR_ERROR_INIT;

		job.owner_count = rows[i].owners;
		assert_ok(vzquota()->set(&job, w->undo, &conf, &err), &err);
		assert_string_equal(vzr_kv_get(&conf, "QUOTAUGIDLIMIT"), rows[i].want);
	}
}

static void set_refuses(void **state)
{
	struct world *w = *state;
	struct vzr_quota_job job = job_of(w);
	const struct vzr_owner_limits unresolved[] = { { name_bob, 0, false, { NONE, 1, NONE, NONE,
									     NONE } } };
	const struct vzr_owner_limits twice[] = { users[0], users[0] };
	VZR_AUTO_KV struct vzr_kv conf = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;

	job.users = unresolved;
	job.n_users = 1;
	assert_error(vzquota()->set(&job, w->undo, &conf, &err), -VZR_E_QUOTA_UNSUPPORTED, &err,
		     "id of user 'bob'");
	job.users = twice;
	job.n_users = 2;
	assert_error(vzquota()->set(&job, w->undo, &conf, &err), -VZR_E_INPUT, &err,
		     "limit it once");
	assert_false(exists(w->fd, "var/vzquota/quota.101"));
}

static void set_is_taken_back(void **state)
{
	struct world *w = *state;
	const struct vzr_quota_job job = job_of(w);
	VZR_AUTO_KV struct vzr_kv conf = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;

	make_dirs(w, "var/vzquota");
	assert_ok(vzquota()->set(&job, w->undo, &conf, &err), &err);
	assert_true(exists(w->fd, "var/vzquota/quota.101"));
	world_undo(w);
	assert_false(exists(w->fd, "var/vzquota/quota.101"));
	assert_true(exists(w->fd, "var/vzquota"));
}

static void removal(void **state)
{
	struct world *w = *state;
	const struct vzr_quota_job job = job_of(w);
	VZR_AUTO_KV struct vzr_kv conf = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;

	assert_ok(vzquota()->remove(&job, &err), &err);
	assert_ok(vzquota()->set(&job, w->undo, &conf, &err), &err);
	assert_ok(vzquota()->remove(&job, &err), &err);
	assert_false(exists(w->fd, "var/vzquota/quota.101"));
	assert_ok(vzquota()->remove(&job, &err), &err);
	make_dirs(w, "var/vzquota/quota.101");
	assert_error(vzquota()->remove(&job, &err), -EISDIR, &err, "/var/vzquota/quota.101");
}

/* ---- probe ---- */

static void probe_vm(void **state)
{
	static const struct {
		struct vzr_limits vm;
		const char *abi;
		int want;
		const char *reason;
	} rows[] = {
		{ { NONE, 1, NONE, NONE, NONE }, "x86_64", 1, "vzquota" },
		{ { NONE, 0, NONE, NONE, NONE }, "x86_64", 0, "no room at all" },
		{ { NONE, NONE, NONE, 0, NONE }, "x86_64", 0, "no room at all" },
		{ { 1, NONE, NONE, NONE, NONE }, "x86_64", 0, "without a hard one" },
		{ { NONE, 1, 1, NONE, NONE }, "x86_64", 0, "without a hard one" },
		{ { 2, 1, NONE, NONE, NONE }, "x86_64", 0, "above the hard one" },
		{ { NONE, NONE, 2, 1, NONE }, "x86_64", 0, "above the hard one" },
		{ { NONE, 1ull << 53, NONE, NONE, NONE }, "x86_64", 0, "larger than vzquota" },
		{ { NONE, 1ull << 52, NONE, NONE, NONE }, "x86_64", 1, "vzquota" },
		{ { NONE, 1ull << 31, NONE, NONE, NONE }, "i386", 0, "larger than vzquota" },
		{ { NONE, NONE, NONE, 1ull << 32, NONE }, "x86_64", 0, "larger than vzquota" },
		{ { NONE, NONE, NONE, UINT32_MAX, NONE }, "x86_64", 0, "larger than vzquota" },
		{ { NONE, NONE, NONE, 1ull << 31, NONE }, "x86_64", 1, "vzquota" },
		{ { NONE, 1, NONE, NONE, 1ull << 31 }, "x86_64", 0, "grace time" },
	};
	struct world *w = *state;
	struct vzr_quota_job job = job_of(w);

	job.n_users = job.n_groups = 0;
	for (size_t i = 0; i < VZR_COUNT(rows); i++) {
		char reason[VZR_QUOTA_REASON];
		struct vzr_error err = VZR_ERROR_INIT;

		assert_ok(vzr_settings_set(w->settings, "VZQUOTA_ABI", rows[i].abi, &err), &err);
		job.vm = &rows[i].vm;
		if (vzquota()->probe(&job, reason) != rows[i].want ||
		    !strstr(reason, rows[i].reason))
			fail_msg("row %zu: %s", i, reason);
	}
}

static void probe_owners(void **state)
{
	struct world *w = *state;
	struct vzr_quota_job job = job_of(w);
	struct vzr_owner_limits two[] = { users[0], users[1] };
	char reason[VZR_QUOTA_REASON];

	job.vm = &no_limits;
	job.users = two;
	two[0].limits.block_hard_kib = 0;
	assert_int_equal(vzquota()->probe(&job, reason), 0);
	assert_non_null(strstr(reason, "a limit of 0 means no limit"));
	two[0] = users[0];
	two[0].limits.grace_s = 5;
	two[1].limits.grace_s = 6;
	assert_int_equal(vzquota()->probe(&job, reason), 0);
	assert_non_null(strstr(reason, "one grace time for all users"));
	two[1].limits.grace_s = 5;
	assert_int_equal(vzquota()->probe(&job, reason), 1);
	/* At plan time nothing is resolved. */
	two[0].resolved = two[1].resolved = false;
	assert_int_equal(vzquota()->probe(&job, reason), 1);
}

static void probe_settings(void **state)
{
	struct world *w = *state;
	struct vzr_quota_job job = job_of(w);
	struct vzr_error err = VZR_ERROR_INIT;
	char reason[VZR_QUOTA_REASON], path[160];

	job.handoff = "lxc";
	assert_int_equal(vzquota()->probe(&job, reason), 0);
	assert_non_null(strstr(reason, "OpenVZ 6"));
	job.handoff = "openvz";
	assert_ok(vzr_settings_set(w->settings, "DISK_QUOTA", "no", &err), &err);
	assert_int_equal(vzquota()->probe(&job, reason), 0);
	assert_non_null(strstr(reason, "DISK_QUOTA=\"no\" in vz.conf switches quotas off"));
	assert_ok(vzr_settings_set(w->settings, "DISK_QUOTA", "yes", &err), &err);
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[127 - strlen("/quota.101")] = '\0';
	assert_ok(vzr_settings_set(w->settings, "VZQUOTA_DIR", path, &err), &err);
	assert_int_equal(vzquota()->probe(&job, reason), 1);
	path[127 - strlen("/quota.101")] = 'x';
	path[128 - strlen("/quota.101")] = '\0';
	assert_ok(vzr_settings_set(w->settings, "VZQUOTA_DIR", path, &err), &err);
	assert_int_equal(vzquota()->probe(&job, reason), 0);
	assert_non_null(strstr(reason, "VZQUOTA_DIR"));
}

/* ---- read back ---- */

static void round_trip(void **state)
{
	struct world *w = *state;
	const struct vzr_quota_job job = job_of(w);
	struct vzr_quota_state quota = { .vm = VZR_LIMITS_NONE };
	VZR_AUTO_KV struct vzr_kv conf = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;

	assert_ok(vzquota()->set(&job, w->undo, &conf, &err), &err);
	assert_ok(vzquota()->read_back(&job, &conf, &quota, &err), &err);
	assert_int_equal(quota.vm.block_hard_kib, 102400);
	assert_int_equal(quota.vm.grace_s, 600);
	assert_int_equal(quota.n_users, 2);
	assert_null(quota.users[0].name);
	assert_int_equal(quota.users[0].limits.block_soft_kib, 51200);
	assert_true(quota.users[0].limits.inode_hard == NONE);
	assert_int_equal(quota.n_groups, 1);
	assert_int_equal(quota.groups[0].id, 100);
	assert_int_equal(quota.groups[0].limits.grace_s, 3600);
	assert_ok(vzr_quota_compare(&job, &quota, &err), &err);
	vzr_quota_state_done(&quota);
}

static void conf_rules(void **state)
{
	static const struct {
		const char *key, *value; /* NULL: unset */
		int code;
		const char *message;
	} rows[] = {
		{ "QUOTAUGIDLIMIT", NULL, -VZR_E_QUOTA_UNSUPPORTED, "of user root is none" },
		{ "QUOTAUGIDLIMIT", "0", -VZR_E_QUOTA_UNSUPPORTED, "of user root is none" },
		{ "QUOTAUGIDLIMIT", "2", -VZR_E_QUOTA_UNSUPPORTED, "has 3 records" },
		{ "QUOTAUGIDLIMIT", "x", -VZR_E_QUOTA_UNSUPPORTED, "cannot read QUOTAUGIDLIMIT" },
		{ "DISK_QUOTA", "no", -VZR_E_QUOTA_UNSUPPORTED, "of the VM is none where 102400" },
		{ "DISKINODES", NULL, -VZR_E_QUOTA_UNSUPPORTED, "DISKINODES is missing" },
		{ "DISKSPACE", "unlimited", -VZR_E_QUOTA_UNSUPPORTED, "cannot read DISKSPACE" },
		{ "DISKSPACE", "90M:100M", 0, "" },
		{ "DISKSPACE", "90M:101M", -VZR_E_QUOTA_UNSUPPORTED, "is 103424 where 102400" },
		{ "DISKSPACE", "5:4", -VZR_E_QUOTA_UNSUPPORTED, "above the hard one" },
		{ "QUOTATIME", "601", -VZR_E_QUOTA_UNSUPPORTED, "grace time (s) of the VM is 601" },
		{ "QUOTATIME", "-1", -VZR_E_QUOTA_UNSUPPORTED, "cannot read QUOTATIME" },
	};
	struct world *w = *state;
	const struct vzr_quota_job job = job_of(w);

	for (size_t i = 0; i < VZR_COUNT(rows); i++) {
		struct vzr_quota_state quota = { .vm = VZR_LIMITS_NONE };
		VZR_AUTO_KV struct vzr_kv conf = { 0 };
		struct vzr_error err = VZR_ERROR_INIT;
		int r;

		assert_ok(vzquota()->set(&job, w->undo, &conf, &err), &err);
		vzr_kv_unset(&conf, rows[i].key);
		if (rows[i].value)
			assert_ok(vzr_kv_set(&conf, rows[i].key, rows[i].value, &err), &err);
		r = vzquota()->read_back(&job, &conf, &quota, &err);
		if (r == 0)
			r = vzr_quota_compare(&job, &quota, &err);
		vzr_quota_state_done(&quota);
		if (rows[i].code)
			assert_error(r, rows[i].code, &err, rows[i].message);
		else
			assert_ok(r, &err);
	}
}

static void file_of_another(void **state)
{
	struct world *w = *state;
	struct vzr_quota_job job = job_of(w);
	struct vzr_quota_state quota = { .vm = VZR_LIMITS_NONE };
	VZR_AUTO_KV struct vzr_kv conf = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;

	assert_ok(vzquota()->set(&job, w->undo, &conf, &err), &err);
	job.private_path = "/vz/private/elsewhere";
	assert_error(vzquota()->read_back(&job, &conf, &quota, &err), -VZR_E_QUOTA_UNSUPPORTED,
		     &err, "counts /vz/private/101 and not");
	put_text(w->fd, "var/vzquota/quota.101", "no quota file at all");
	assert_error(vzquota()->read_back(&job, &conf, &quota, &err), -VZR_E_CONFIG, &err,
		     "quota file /var/vzquota/quota.101: it does not begin");
	assert_ok(vzquota()->remove(&job, &err), &err);
	assert_ok(vzquota()->read_back(&job, &conf, &quota, &err), &err);
	assert_error(vzr_quota_compare(&job, &quota, &err), -VZR_E_QUOTA_UNSUPPORTED, &err,
		     "hard block limit (KiB) of user root is none where 51200 was asked for");
	vzr_quota_state_done(&quota);
}

static void table(void **state)
{
	(void)state;
	assert_non_null(vzr_quota_get(0));
	assert_null(vzr_quota_get(1000));
	assert_null(vzr_quota_find("none"));
	for (size_t i = 0; vzr_quota_get(i); i++) {
		const struct vzr_quota_ops *ops = vzr_quota_get(i);

		assert_ptr_equal(vzr_quota_find(ops->name), ops);
		assert_true(ops->summary && ops->probe && ops->set && ops->read_back &&
			    ops->remove);
		assert_int_equal(strspn(ops->name, "abcdefghijklmnopqrstuvwxyz0123456789-"),
				 strlen(ops->name));
	}
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_open, world_close)
	const struct CMUnitTest tests[] = {
		IN_WORLD(vectors),
		cmocka_unit_test(sizes),
		cmocka_unit_test(broken_files),
		cmocka_unit_test(truncated_files),
		cmocka_unit_test(other_abi),
		IN_WORLD(only_vm),
		IN_WORLD(nothing_asked),
		IN_WORLD(headroom),
		IN_WORLD(set_refuses),
		IN_WORLD(set_is_taken_back),
		IN_WORLD(removal),
		IN_WORLD(probe_vm),
		IN_WORLD(probe_owners),
		IN_WORLD(probe_settings),
		IN_WORLD(round_trip),
		IN_WORLD(conf_rules),
		IN_WORLD(file_of_another),
		cmocka_unit_test(table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
