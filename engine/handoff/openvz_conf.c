/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CTID.conf in memory: a sample, and on it what the domain and the quota back end say. */
#include "engine/handoff/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/path.h"
#include "engine/base/size.h"
#include "engine/vz_value.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define LINE_MAX_VZCTL 4095 /* its reader's buffer */
#define KIB_PER_PAGE 4
#define ALL_CPUS 1024 /* more than that is how documents say "all of them" */
#define HOSTNAME_MAX 253

/* ---- what the container is ---- */

/* The configured path if vzctl expands it to the same one as we do, else the expanded path. */
static int set_path(const struct vzr_handoff_job *job, struct vzr_kv *conf, const char *key,
		    const char *expanded, struct vzr_error *err)
{
	const char *configured = vzr_setting(job->settings, key);
	const char *first = strstr(configured, "$VEID");
	bool plain = first && !strstr(first + 1, "$") &&
		     (first[5] == '\0' || first[5] == '/');
	VZR_AUTO_FREE char *mine = vzr_path_expand(configured, job->ctid);

	if (!mine)
		return vzr_fail_code(err, -ENOMEM, "cannot set %s", key);
	return vzr_kv_set(conf, key, plain && strcmp(mine, expanded) == 0 ? configured : expanded,
			  err);
}

static bool is_hostname(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= HOSTNAME_MAX && name[0] != '-' && name[0] != '.' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") ==
		       len;
}

static int set_names(const struct vzr_handoff_job *job, struct vzr_kv *conf, struct vzr_error *err)
{
	const char *hostname = job->domain ? job->domain->hostname : NULL;
	const char *name = vzr_openvz_name(job);
	int r = 0;

	if (hostname && !is_hostname(hostname))
		return vzr_fail(err, -VZR_E_INPUT,
				"'%s' is not a host name: letters, digits, '-', '.' and '_' only",
				hostname);
	if (!hostname && name && is_hostname(name))
		hostname = name;
	if (hostname)
		r = vzr_kv_set(conf, "HOSTNAME", hostname, err);
	if (r == 0 && name)
		r = vzr_kv_set(conf, "NAME", name, err);
	return r;
}

static int set_identity(const struct vzr_handoff_job *job, struct vzr_kv *conf,
			const char *sample, struct vzr_error *err)
{
	VZR_AUTO_FREE char *root = vzr_openvz_root_path(job->settings, job->ctid);
	int r = root ? 0 : vzr_fail_code(err, -ENOMEM, "cannot make a configuration");

	if (r == 0)
		r = set_path(job, conf, "VE_ROOT", root, err);
	if (r == 0)
		r = set_path(job, conf, "VE_PRIVATE", job->private_path, err);
	if (r == 0)
		r = vzr_kv_set(conf, "VE_LAYOUT", "simfs", err);
	/* The whole name: vzctl finds the distribution's scripts by it. */
	if (r == 0 && job->template_name)
		r = vzr_kv_set(conf, "OSTEMPLATE", job->template_name, err);
	if (r == 0 && !vzr_kv_get(conf, "ORIGIN_SAMPLE"))
		r = vzr_kv_set(conf, "ORIGIN_SAMPLE", sample, err);
	if (r == 0 && job->domain && job->domain->onboot)
		r = vzr_kv_set(conf, "ONBOOT", "yes", err);
	else if (r == 0 && !vzr_kv_get(conf, "ONBOOT"))
		r = vzr_kv_set(conf, "ONBOOT", "no", err);
	return r == 0 ? set_names(job, conf, err) : r;
}

/* ---- memory and processors ---- */

static int set_memory(const struct vzr_handoff_job *job, struct vzr_kv *conf,
		      struct vzr_error *err)
{
	uint64_t kib = job->domain ? job->domain->memory_kib : 0;
	bool complete = vzr_kv_get(conf, "KMEMSIZE") != NULL;
	int r = 0;

	if (kib) {
		r = vzr_kv_printf(conf, "PHYSPAGES", err, "0:%" PRIu64,
				  kib / KIB_PER_PAGE + (kib % KIB_PER_PAGE != 0));
		/* The sample's own number would cut off what the document grants. */
		vzr_kv_unset(conf, "PRIVVMPAGES");
	} else if (!vzr_kv_get(conf, "PHYSPAGES") && !complete) {
		/* Neither way of vzctl to limit memory is whole: it would refuse to start. */
		r = vzr_kv_set(conf, "PHYSPAGES", "0:65536", err);
	}
	if (r == 0 && !vzr_kv_get(conf, "SWAPPAGES") && (kib || !complete))
		r = vzr_kv_set(conf, "SWAPPAGES", "0:0", err);
	return r;
}

static int set_cpus(const struct vzr_handoff_job *job, struct vzr_kv *conf, struct vzr_error *err)
{
	uint32_t vcpus = job->domain ? job->domain->vcpus : 0;
	int r = 0;

	if (vcpus && vcpus <= ALL_CPUS)
		r = vzr_kv_printf(conf, "CPUS", err, "%u", vcpus);
	else if (vcpus)
		vzr_kv_unset(conf, "CPUS");
	if (r == 0 && !vzr_kv_get(conf, "CPUUNITS"))
		r = vzr_kv_set(conf, "CPUUNITS", "1000", err);
	return r;
}

/* ---- quota ---- */

static uint64_t number_of(const struct vzr_kv *conf, const char *key)
{
	const char *text = vzr_kv_get(conf, key);
	uint64_t value = 0;

	return text && vzr_parse_uint(text, INT32_MAX, &value) == 0 ? value : 0;
}

static int merge_quota(const struct vzr_handoff_job *job, struct vzr_kv *conf,
		       struct vzr_error *err)
{
	static const char *const keys[] = { "DISKSPACE", "DISKINODES", "QUOTATIME",
					    "QUOTAUGIDLIMIT" };
	const struct vzr_kv *quota = job->quota_conf;
	uint64_t records = number_of(conf, "QUOTAUGIDLIMIT");
	int r = 0;

	if (job->quota_none) {
		/* A limit that does not hold must not stand there for others to read. */
		for (size_t i = 0; i < VZR_COUNT(keys); i++)
			vzr_kv_unset(conf, keys[i]);
		return vzr_kv_set(conf, "DISK_QUOTA", "no", err);
	}
	for (size_t i = 0; quota && r == 0 && i < quota->count; i++)
		if (quota->lines[i].key)
			r = vzr_kv_set(conf, quota->lines[i].key, quota->lines[i].value, err);
	if (r == 0 && records > number_of(conf, "QUOTAUGIDLIMIT"))
		r = vzr_kv_printf(conf, "QUOTAUGIDLIMIT", err, "%" PRIu64, records);
	return r;
}

/*
 * vzctl reads "2G:2.2G", libvirt does not: plain numbers serve both. And vzctl mounts nothing
 * while one of the two limits is missing, so that one more is written that limits nothing.
 */
static int plain_limit(const struct vzr_handoff_job *job, struct vzr_kv *conf, const char *key,
		       uint32_t divisor, uint64_t none, struct vzr_error *err)
{
	const char *text = vzr_kv_get(conf, key);
	struct vzr_vz_limit limit = { none, none };

	if (text && vzr_vz_limit_parse(text, divisor, &limit) < 0) {
		vzr_warn(job->ctx, "%s=\"%s\" of the sample is nothing that vzctl takes: left out",
			 key, text);
		text = NULL;
	}
	if (text && (limit.soft == 0 || limit.soft > limit.hard))
		return vzr_fail(err, -VZR_E_CONFIG,
				"%s=\"%s\" of the sample would keep the container from starting: "
				"the soft limit must be above 0 and not above the hard one",
				key, text);
	if (!text)
		vzr_info(job->ctx,
			 "neither the document nor the sample has %s, which vzctl needs: %" PRIu64
			 " is written, more than the file system can hold",
			 key, none);
	return vzr_kv_printf(conf, key, err, "%" PRIu64 ":%" PRIu64, limit.soft, limit.hard);
}

static int set_quota(const struct vzr_handoff_job *job, struct vzr_kv *conf, struct vzr_error *err)
{
	bool i386 = strcmp(vzr_setting(job->settings, "VZQUOTA_ABI"), "i386") == 0;
	const char *on;
	int r = merge_quota(job, conf, err);

	if (r < 0)
		return r;
	on = vzr_kv_get(conf, "DISK_QUOTA");
	if (job->quota_none || (on && strcmp(on, "no") == 0 && !vzr_kv_get(conf, "DISKSPACE")))
		return 0;
	r = plain_limit(job, conf, "DISKSPACE", 1024,
			i386 ? VZR_VZ_NO_LIMIT_KIB_I386 : VZR_VZ_NO_LIMIT_KIB, err);
	if (r == 0)
		r = plain_limit(job, conf, "DISKINODES", 1, VZR_VZ_NO_LIMIT_INODES, err);
	return r;
}

/* ---- the whole ---- */

static int set_uuid(const struct vzr_handoff_job *job, struct vzr_kv *conf, struct vzr_error *err)
{
	char line[64];

	/* At column 0 and with one blank, or libvirt does not see it and adds another. */
	vzr_kv_drop_comments(conf, "#UUID:");
	if (!job->uuid)
		return 0;
	if (strlen(job->uuid) != 36 ||
	    strspn(job->uuid, "0123456789abcdefABCDEF-") != strlen(job->uuid))
		return vzr_fail(err, -VZR_E_INPUT, "'%s' is not a UUID", job->uuid);
	snprintf(line, sizeof(line), "#UUID: %s", job->uuid);
	return vzr_kv_comment(conf, line, err);
}

static int check_lines(const struct vzr_kv *conf, struct vzr_error *err)
{
	for (size_t i = 0; i < conf->count; i++) {
		const struct vzr_kv_line *line = &conf->lines[i];

		if (line->key && strlen(line->key) + strlen(line->value) + 5 > LINE_MAX_VZCTL)
			return vzr_fail(err, -VZR_E_LIMIT,
					"the value of %s is longer than vzctl can read", line->key);
	}
	return 0;
}

int vzr_openvz_prepare(const struct vzr_handoff_job *job, struct vzr_kv *ret_conf,
		       struct vzr_error *err)
{
	VZR_AUTO_KV struct vzr_kv conf = { 0 };
	const char *sample = NULL;
	int r = vzr_openvz_sample(job, &conf, &sample, err);

	if (r < 0)
		return r;
	/* What belongs to the container that a sample was made from. */
	vzr_kv_unset(&conf, "NAME");
	vzr_kv_unset(&conf, "VEID");
	vzr_kv_drop_duplicates(&conf);
	r = set_memory(job, &conf, err);
	if (r == 0)
		r = set_quota(job, &conf, err);
	if (r == 0)
		r = vzr_openvz_net(job, &conf, err);
	if (r == 0)
		r = set_identity(job, &conf, sample, err);
	if (r == 0)
		r = set_cpus(job, &conf, err);
	if (r == 0)
		r = set_uuid(job, &conf, err);
	if (r == 0)
		r = check_lines(&conf, err);
	if (r < 0)
		return vzr_wrap(err, r, "cannot make the configuration of container %u",
				job->ctid);
	*ret_conf = conf;
	conf = (struct vzr_kv){ 0 };
	return 0;
}
