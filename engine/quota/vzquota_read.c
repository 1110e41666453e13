/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What holds: CTID.conf as vzctl would read it, and the quota file as vzquota would. */
#include "engine/quota/vzquota_internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/size.h"
#include "engine/limits.h"
#include "engine/vz_value.h"

#include <inttypes.h>
#include <string.h>

static int read_pair(const struct vzr_kv *conf, const char *key, uint32_t divisor,
		     struct vzr_vz_limit *ret_limit, struct vzr_error *err)
{
	const char *value = vzr_kv_get(conf, key);

	if (!value)
		return vzr_fail(err, -VZR_E_QUOTA_UNSUPPORTED,
				"%s is missing, and vzctl mounts no container without it", key);
	if (vzr_vz_limit_parse(value, divisor, ret_limit) < 0)
		return vzr_fail(err, -VZR_E_QUOTA_UNSUPPORTED, "vzctl cannot read %s=\"%s\"", key,
				value);
	if (ret_limit->soft > ret_limit->hard)
		return vzr_fail(err, -VZR_E_QUOTA_UNSUPPORTED,
				"the soft limit of %s=\"%s\" is above the hard one", key, value);
	return 0;
}

static bool is_no_limit(uint64_t value)
{
	return value == VZR_VZ_NO_LIMIT_KIB || value == VZR_VZ_NO_LIMIT_INODES;
}

static int read_vm(const struct vzr_quota_job *job, const struct vzr_kv *conf,
		   struct vzr_limits *vm, struct vzr_error *err)
{
	const char *grace = vzr_kv_get(conf, "QUOTATIME");
	struct vzr_vz_limit blocks, inodes;
	int r = read_pair(conf, "DISKSPACE", 1024, &blocks, err);

	if (r == 0)
		r = read_pair(conf, "DISKINODES", 1, &inodes, err);
	if (r < 0)
		return r;
	/* The number that stands for "none" is none, unless it is what was asked for. */
	if (!is_no_limit(blocks.hard) || job->vm->block_hard_kib == blocks.hard) {
		vm->block_soft_kib = blocks.soft;
		vm->block_hard_kib = blocks.hard;
	}
	if (!is_no_limit(inodes.hard) || job->vm->inode_hard == inodes.hard) {
		vm->inode_soft = inodes.soft;
		vm->inode_hard = inodes.hard;
	}
	if (grace && vzr_parse_uint(grace, INT32_MAX, &vm->grace_s) < 0)
		return vzr_fail(err, -VZR_E_QUOTA_UNSUPPORTED,
				"vzctl cannot read QUOTATIME=\"%s\"", grace);
	return 0;
}

static uint64_t kib_or_none(uint64_t bytes)
{
	return bytes ? bytes / 1024 : VZR_NO_LIMIT;
}

static uint64_t count_or_none(uint32_t count)
{
	return count ? count : VZR_NO_LIMIT;
}

/* A grace time of 0 is none, unless one of @asked is just that. */
static uint64_t grace_or_none(const struct vzr_vzquota_grace *grace,
			      const struct vzr_owner_limits *asked, size_t count)
{
	if (grace->block_s)
		return grace->block_s;
	for (size_t i = 0; i < count; i++)
		if (asked[i].limits.grace_s == 0)
			return 0;
	return VZR_NO_LIMIT;
}

static int take_records(const struct vzr_vzquota_file *file, bool is_group, uint64_t grace_s,
			struct vzr_owner_limits **ret_owners, size_t *ret_count,
			struct vzr_error *err)
{
	struct vzr_owner_limits *owners;
	size_t n = 0;

	owners = calloc(file->n_records ? file->n_records : 1, sizeof(*owners));
	if (!owners)
		return vzr_fail_code(err, -ENOMEM, "cannot read a quota file");
	for (size_t i = 0; i < file->n_records; i++) {
		const struct vzr_vzquota_record *record = &file->records[i];

		if (record->is_group != is_group)
			continue;
		owners[n++] = (struct vzr_owner_limits){
			.id = record->id,
			.resolved = true,
			.limits = { .block_soft_kib = kib_or_none(record->stat.block_soft),
				    .block_hard_kib = kib_or_none(record->stat.block_hard),
				    .inode_soft = count_or_none(record->stat.inode_soft),
				    .inode_hard = count_or_none(record->stat.inode_hard),
				    .grace_s = grace_s },
		};
	}
	*ret_owners = owners;
	*ret_count = n;
	return 0;
}

/* 1 if there is a quota file, 0 if not. */
static int load_file(const struct vzr_quota_job *job, const char *path,
		     struct vzr_vzquota_file *file, struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf buf = { .max = VZR_VZQUOTA_FILE_MAX };
	const char *name;
	VZR_AUTO_CLOSE int dir =
		vzr_open_parent_in_root(vzr_settings_root_fd(job->settings), path, &name);
	enum vzr_vzquota_abi abi = vzr_vzquota_abi_of(job);
	int r;

	if (dir == -ENOENT)
		return 0;
	if (dir < 0)
		return vzr_fail_code(err, dir, "cannot open the directory of %s", path);
	r = vzr_file_read(dir, name, &buf, err);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = vzr_vzquota_parse(vzr_buf_cstr(&buf), buf.len, abi, file, err);
	return r < 0 ? vzr_wrap(err, r, "quota file %s", path) : 1;
}

static int read_owners(const struct vzr_quota_job *job, const struct vzr_kv *conf,
		       struct vzr_quota_state *state, struct vzr_error *err)
{
	VZR_AUTO_VZQUOTA_FILE struct vzr_vzquota_file file = { 0 };
	VZR_AUTO_FREE char *path = vzr_vzquota_path(job);
	const char *value = vzr_kv_get(conf, "QUOTAUGIDLIMIT");
	uint64_t most = 0;
	int r;

	if (value && vzr_parse_uint(value, INT32_MAX, &most) < 0)
		return vzr_fail(err, -VZR_E_QUOTA_UNSUPPORTED,
				"vzctl cannot read QUOTAUGIDLIMIT=\"%s\"", value);
	if (!path)
		return vzr_fail_code(err, -ENOMEM, "cannot read a quota file");
	/* Without the number vzquota drops every record at the first start. */
	if (most == 0)
		return 0;
	r = load_file(job, path, &file, err);
	if (r <= 0)
		return r;
	if (strcmp(file.path, job->private_path) != 0)
		return vzr_fail(err, -VZR_E_QUOTA_UNSUPPORTED,
				"quota file %s counts %s and not the private area %s", path,
				file.path, job->private_path);
	if (file.n_records > most)
		return vzr_fail(err, -VZR_E_QUOTA_UNSUPPORTED,
				"quota file %s has %zu records and QUOTAUGIDLIMIT allows %" PRIu64,
				path, file.n_records, most);
	r = take_records(&file, false, grace_or_none(&file.user_grace, job->users, job->n_users),
			 &state->users, &state->n_users, err);
	if (r == 0)
		r = take_records(&file, true,
				 grace_or_none(&file.group_grace, job->groups, job->n_groups),
				 &state->groups, &state->n_groups, err);
	return r;
}

static bool switched_on(const struct vzr_quota_job *job, const struct vzr_kv *conf)
{
	const char *value = vzr_kv_get(conf, "DISK_QUOTA");

	return strcmp(value ? value : vzr_setting(job->settings, "DISK_QUOTA"), "no") != 0;
}

int vzr_vzquota_read_back(const struct vzr_quota_job *job, const struct vzr_kv *conf,
			  struct vzr_quota_state *ret_state, struct vzr_error *err)
{
	struct vzr_quota_state state = { .vm = VZR_LIMITS_NONE };
	int r = 0;

	if (switched_on(job, conf)) {
		r = read_vm(job, conf, &state.vm, err);
		if (r == 0)
			r = read_owners(job, conf, &state, err);
	}
	if (r < 0) {
		vzr_quota_state_done(&state);
		return r;
	}
	*ret_state = state;
	return 0;
}
