/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vzquota: what becomes of the limits of a document, and what is read back. */
#include "tests/unit/vzquota_vectors.h"
#include "tests/unit/world.h"

#include "engine/base/cleanup.h"
#include "engine/limits.h"
#include "engine/quota/quota.h"

#include <sys/stat.h>

#define NONE VZR_NO_LIMIT

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

static void no_grace(void **state)
{
	static const uint64_t asked[] = { NONE, 0, 77 };
	struct world *w = *state;
	struct vzr_owner_limits one = users[0];
	struct vzr_quota_job job = job_of(w);

	/* Hard and soft are the same: a grace time is none unless it is asked for. */
	job.users = &one;
	job.n_users = 1;
	job.n_groups = 0;
	for (size_t i = 0; i < VZR_COUNT(asked); i++) {
		struct vzr_quota_state quota = { .vm = VZR_LIMITS_NONE };
		VZR_AUTO_KV struct vzr_kv conf = { 0 };
		struct vzr_error err = VZR_ERROR_INIT;

		one.limits.grace_s = asked[i];
		assert_ok(vzquota()->set(&job, w->undo, &conf, &err), &err);
		assert_ok(vzquota()->read_back(&job, &conf, &quota, &err), &err);
		assert_true(quota.users[0].limits.grace_s == asked[i]);
		assert_ok(vzr_quota_compare(&job, &quota, &err), &err);
		vzr_quota_state_done(&quota);
	}
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
		IN_WORLD(no_grace),
		IN_WORLD(conf_rules),
		IN_WORLD(file_of_another),
		cmocka_unit_test(table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
