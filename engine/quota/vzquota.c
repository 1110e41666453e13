/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vzquota of OpenVZ 6: VM limits in CTID.conf, user and group limits in a file it will read. */
#include "engine/quota/vzquota_internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/path.h"
#include "engine/limits.h"

#include <inttypes.h>
#include <string.h>

#define MAX_FILE_NAME 127 /* MAXFILENAMELEN of vzquota, less the NUL */
#define START_SLACK 100	  /* vzctl adds that many blocks and inodes while it starts */
#define MIN_HEADROOM 100
#define DEFAULT_GRACE_S 259200 /* what vzctl takes for the VM if QUOTATIME is absent */

enum vzr_vzquota_abi vzr_vzquota_abi_of(const struct vzr_quota_job *job)
{
	return strcmp(vzr_setting(job->settings, "VZQUOTA_ABI"), "i386") == 0 ? VZR_VZQUOTA_I386
									     : VZR_VZQUOTA_X86_64;
}

char *vzr_vzquota_path(const struct vzr_quota_job *job)
{
	char name[32];

	snprintf(name, sizeof(name), "quota.%u", job->ctid);
	return vzr_path_join(vzr_setting(job->settings, "VZQUOTA_DIR"), name);
}

static size_t count_owners(const struct vzr_owner_limits *owners, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += vzr_limits_any(&owners[i].limits);
	return n;
}

static size_t count_records(const struct vzr_quota_job *job)
{
	return count_owners(job->users, job->n_users) + count_owners(job->groups, job->n_groups);
}

/* ---- probe ---- */

static uint64_t most_kib(enum vzr_vzquota_abi abi)
{
	/* A "long" of vzctl, or the bytes of 64 bits with the sign. */
	uint64_t most = abi == VZR_VZQUOTA_I386 ? INT32_MAX : INT64_MAX / 1024;

	return most - START_SLACK;
}

static uint64_t most_inodes(enum vzr_vzquota_abi abi)
{
	uint64_t most = abi == VZR_VZQUOTA_I386 ? INT32_MAX : UINT32_MAX;

	return most - START_SLACK;
}

/* NULL if vzquota can hold @limits; else why not. */
static const char *refuse_limits(const struct vzr_limits *limits, bool is_vm,
				 enum vzr_vzquota_abi abi)
{
	const uint64_t values[] = { limits->block_hard_kib, limits->block_soft_kib,
				    limits->inode_hard, limits->inode_soft };
	bool hard_missing = (limits->block_hard_kib == VZR_NO_LIMIT &&
			     limits->block_soft_kib != VZR_NO_LIMIT) ||
			    (limits->inode_hard == VZR_NO_LIMIT &&
			     limits->inode_soft != VZR_NO_LIMIT);

	if (is_vm && hard_missing)
		return "vzquota takes no soft limit of the VM without a hard one";
	for (size_t i = 0; i < VZR_COUNT(values); i++) {
		uint64_t most = i < 2 ? most_kib(abi) : most_inodes(abi);

		if (values[i] == VZR_NO_LIMIT)
			continue;
		if (values[i] == 0)
			return is_vm ? "a limit of 0 would leave the VM no room at all"
				     : "a limit of 0 means no limit to vzquota";
		if (values[i] > most)
			return "a limit is larger than vzquota can hold";
	}
	if ((limits->block_soft_kib != VZR_NO_LIMIT &&
	     limits->block_soft_kib > limits->block_hard_kib) ||
	    (limits->inode_soft != VZR_NO_LIMIT && limits->inode_soft > limits->inode_hard))
		return "vzquota takes no soft limit above the hard one";
	if (limits->grace_s != VZR_NO_LIMIT && limits->grace_s > INT32_MAX)
		return "a grace time is longer than vzquota can hold";
	return NULL;
}

static const char *refuse_owners(const struct vzr_owner_limits *owners, size_t count,
				 enum vzr_vzquota_abi abi)
{
	uint64_t grace = VZR_NO_LIMIT;

	for (size_t i = 0; i < count; i++) {
		const struct vzr_limits *limits = &owners[i].limits;
		const char *why = refuse_limits(limits, false, abi);

		if (why)
			return why;
		if (limits->grace_s == VZR_NO_LIMIT)
			continue;
		if (grace != VZR_NO_LIMIT && grace != limits->grace_s)
			return "vzquota has one grace time for all users and one for all groups";
		grace = limits->grace_s;
	}
	return NULL;
}

static const char *refuse_paths(const struct vzr_quota_job *job)
{
	VZR_AUTO_FREE char *path = vzr_vzquota_path(job);

	if (!path || strlen(path) > MAX_FILE_NAME)
		return "VZQUOTA_DIR is longer than vzquota can open";
	return NULL;
}

/*
 * On an upstream kernel vzctl leaves out quotas without a word. What is made below another root
 * is for another host, whose kernel is not known here.
 */
static bool kernel_lacks_vzquota(const struct vzr_settings *settings)
{
	return strcmp(vzr_settings_root(settings), "/") == 0 && access("/proc/vz", F_OK) < 0;
}

static const char *refuse(const struct vzr_quota_job *job)
{
	enum vzr_vzquota_abi abi = vzr_vzquota_abi_of(job);
	const char *why;

	if (strcmp(job->handoff, "openvz") != 0)
		return "vzquota is a part of OpenVZ 6 (handoff openvz)";
	if (!vzr_quota_asked(job))
		return NULL;
	if (strcmp(vzr_setting(job->settings, "DISK_QUOTA"), "no") == 0)
		return "DISK_QUOTA=\"no\" in vz.conf switches quotas off, \"yes\" would enforce "
		       "them";
	if (kernel_lacks_vzquota(job->settings))
		return "the running kernel is not OpenVZ's, with which vzctl would enforce them; "
		       "what is for another host is made with --root";
	why = refuse_limits(job->vm, true, abi);
	if (!why)
		why = refuse_owners(job->users, job->n_users, abi);
	if (!why)
		why = refuse_owners(job->groups, job->n_groups, abi);
	return why ? why : refuse_paths(job);
}

static int probe(const struct vzr_quota_job *job, char reason[VZR_QUOTA_REASON])
{
	const char *why = refuse(job);

	snprintf(reason, VZR_QUOTA_REASON, "%s",
		 why			 ? why
		 : vzr_quota_asked(job) ? "vzctl switches vzquota on before the container starts"
					: "no limits are asked for; those of the sample hold");
	return !why;
}

/* ---- set ---- */

static uint64_t soft_of(uint64_t soft, uint64_t hard)
{
	return soft == VZR_NO_LIMIT ? hard : soft;
}

static int set_vm(const struct vzr_quota_job *job, struct vzr_kv *conf, struct vzr_error *err)
{
	const struct vzr_limits *vm = job->vm;
	int r = vzr_kv_set(conf, "DISK_QUOTA", "yes", err);

	if (r == 0 && vm->block_hard_kib != VZR_NO_LIMIT)
		r = vzr_kv_printf(conf, "DISKSPACE", err, "%" PRIu64 ":%" PRIu64,
				  soft_of(vm->block_soft_kib, vm->block_hard_kib),
				  vm->block_hard_kib);
	if (r == 0 && vm->inode_hard != VZR_NO_LIMIT)
		r = vzr_kv_printf(conf, "DISKINODES", err, "%" PRIu64 ":%" PRIu64,
				  soft_of(vm->inode_soft, vm->inode_hard), vm->inode_hard);
	if (r == 0 && vm->grace_s != VZR_NO_LIMIT)
		r = vzr_kv_printf(conf, "QUOTATIME", err, "%" PRIu64, vm->grace_s);
	return r;
}

/* Records that the kernel will need: those of the tree, the limited ones, and room to grow. */
static uint32_t ugid_limit(const struct vzr_quota_job *job)
{
	uint64_t need, total;

	if (__builtin_add_overflow(job->owner_count, count_records(job), &need) ||
	    __builtin_add_overflow(need, need > MIN_HEADROOM ? need : MIN_HEADROOM, &total) ||
	    total > INT32_MAX)
		return INT32_MAX; /* older vzctl keeps it in an int */
	return (uint32_t)total;
}

static struct vzr_vzquota_stat stat_of(const struct vzr_limits *limits)
{
	struct vzr_vzquota_stat stat = { 0 };
	uint64_t soft = soft_of(limits->block_soft_kib, limits->block_hard_kib);
	uint64_t inode_soft = soft_of(limits->inode_soft, limits->inode_hard);

	if (limits->block_hard_kib != VZR_NO_LIMIT)
		stat.block_hard = limits->block_hard_kib * 1024;
	if (soft != VZR_NO_LIMIT)
		stat.block_soft = soft * 1024;
	if (limits->inode_hard != VZR_NO_LIMIT)
		stat.inode_hard = (uint32_t)limits->inode_hard;
	if (inode_soft != VZR_NO_LIMIT)
		stat.inode_soft = (uint32_t)inode_soft;
	return stat;
}

/* With a grace of 0 a soft limit would be as hard as the hard one. */
static struct vzr_vzquota_grace grace_of(const struct vzr_owner_limits *owners, size_t count)
{
	struct vzr_vzquota_grace grace = { 0 };
	bool soft_used = false;

	for (size_t i = 0; i < count; i++) {
		const struct vzr_limits *limits = &owners[i].limits;

		if (limits->grace_s != VZR_NO_LIMIT)
			return (struct vzr_vzquota_grace){ limits->grace_s, limits->grace_s };
		soft_used |= limits->block_soft_kib != VZR_NO_LIMIT &&
			     limits->block_soft_kib != limits->block_hard_kib;
		soft_used |= limits->inode_soft != VZR_NO_LIMIT &&
			     limits->inode_soft != limits->inode_hard;
	}
	if (soft_used)
		grace = (struct vzr_vzquota_grace){ DEFAULT_GRACE_S, DEFAULT_GRACE_S };
	return grace;
}

static int add_records(struct vzr_vzquota_file *file, const struct vzr_owner_limits *owners,
		       size_t count, bool is_group, struct vzr_error *err)
{
	for (size_t i = 0; i < count; i++) {
		if (!vzr_limits_any(&owners[i].limits))
			continue;
		if (!owners[i].resolved)
			return vzr_fail(err, -VZR_E_QUOTA_UNSUPPORTED,
					"the id of %s '%s' in the container is not known",
					is_group ? "group" : "user", owners[i].name);
		for (size_t j = 0; j < file->n_records; j++)
			if (file->records[j].is_group == is_group &&
			    file->records[j].id == owners[i].id)
				return vzr_fail(err, -VZR_E_INPUT,
						"%s '%s' has the id %u of another one with "
						"limits: limit it once",
						is_group ? "group" : "user", owners[i].name,
						owners[i].id);
		file->records[file->n_records++] = (struct vzr_vzquota_record){
			.id = owners[i].id,
			.is_group = is_group,
			.stat = stat_of(&owners[i].limits),
		};
	}
	return 0;
}

static int make_file(const struct vzr_quota_job *job, struct vzr_vzquota_file *file,
		     struct vzr_error *err)
{
	const struct vzr_limits *vm = job->vm;
	int r;

	file->flags = VZR_VZQUOTA_DIRTY | VZR_VZQUOTA_UGID_ON;
	file->stat = stat_of(vm);
	if (vm->grace_s != VZR_NO_LIMIT)
		file->grace = (struct vzr_vzquota_grace){ vm->grace_s, vm->grace_s };
	file->path = strdup(job->private_path);
	file->ugid_limit = ugid_limit(job);
	file->user_grace = grace_of(job->users, job->n_users);
	file->group_grace = grace_of(job->groups, job->n_groups);
	file->records = calloc(count_records(job), sizeof(*file->records));
	if (!file->path || !file->records)
		return vzr_fail_code(err, -ENOMEM, "cannot make a quota file");
	r = add_records(file, job->users, job->n_users, false, err);
	if (r == 0)
		r = add_records(file, job->groups, job->n_groups, true, err);
	return r;
}

static int write_file(const struct vzr_quota_job *job, struct vzr_undo *undo,
		      const struct vzr_vzquota_file *file, struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf buf = { .max = VZR_VZQUOTA_FILE_MAX };
	VZR_AUTO_FREE char *path = vzr_vzquota_path(job);
	VZR_AUTO_CLOSE int dir = -1;
	int r = path ? vzr_vzquota_emit(file, vzr_vzquota_abi_of(job), &buf) : -ENOMEM;

	if (r < 0)
		return vzr_fail_code(err, r, "cannot make a quota file");
	dir = vzr_undo_mkdirs(undo, job->settings, vzr_setting(job->settings, "VZQUOTA_DIR"), 0755,
			      err);
	if (dir < 0)
		return dir;
	r = vzr_undo_push(undo, VZR_UNDO_FILE, path, err);
	if (r == 0)
		r = vzr_file_put(dir, strrchr(path, '/') + 1, buf.data, buf.len, 0600,
				 VZR_PUT_NEW | (job->no_sync ? VZR_PUT_NO_SYNC : 0), err);
	return r;
}

/* ---- remove ---- */

/* A quota file of this id in the directory: its usage and path would be taken for the new one's. */
static int remove_file(const struct vzr_quota_job *job, struct vzr_error *err)
{
	VZR_AUTO_FREE char *path = vzr_vzquota_path(job);
	const char *name;
	VZR_AUTO_CLOSE int dir = -1;

	if (!path)
		return vzr_fail_code(err, -ENOMEM, "cannot remove a quota file");
	dir = vzr_open_parent_in_root(vzr_settings_root_fd(job->settings), path, &name);
	if (dir == -ENOENT)
		return 0;
	if (dir < 0)
		return vzr_fail_code(err, dir, "cannot open the directory of %s", path);
	if (unlinkat(dir, name, 0) < 0)
		return errno == ENOENT ? 0 : vzr_fail_errno(err, "cannot remove %s", path);
	if (!job->no_sync && vzr_fsync_dir(dir) < 0)
		return vzr_fail_errno(err, "cannot sync the directory of %s", path);
	return 0;
}

static int set(const struct vzr_quota_job *job, struct vzr_undo *undo, struct vzr_kv *conf,
	       struct vzr_error *err)
{
	VZR_AUTO_VZQUOTA_FILE struct vzr_vzquota_file file = { 0 };
	const char *why = refuse(job);
	int r;

	if (why)
		return vzr_fail(err, -VZR_E_QUOTA_UNSUPPORTED, "%s", why);
	r = remove_file(job, err);
	if (r < 0 || !vzr_quota_asked(job))
		return r;
	r = set_vm(job, conf, err);
	if (r < 0 || !count_records(job))
		return r;
	r = make_file(job, &file, err);
	if (r == 0)
		r = vzr_kv_printf(conf, "QUOTAUGIDLIMIT", err, "%u", file.ugid_limit);
	return r == 0 ? write_file(job, undo, &file, err) : r;
}

const struct vzr_quota_ops vzr_quota_vzquota = {
	.name = "vzquota",
	.summary = "vzquota of OpenVZ 6 (simfs): limits of the VM, of users and of groups",
	.probe = probe,
	.set = set,
	.read_back = vzr_vzquota_read_back,
	.remove = remove_file,
};
