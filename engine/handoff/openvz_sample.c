/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ve-NAME.conf-sample that CTID.conf begins with, or a built-in one where there is none. */
#include "engine/handoff/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/list.h"
#include "engine/base/path.h"

#include <fcntl.h>
#include <string.h>

#define SAMPLE_MAX (256u << 10)
#define PREFIX "ve-"
#define SUFFIX ".conf-sample"
#define LISTED 8 /* samples named in a message */

/* For a host without samples. Memory as in ve-vswap-256m; no limit that nobody has asked for. */
static const char builtin_sample[] = "PHYSPAGES=\"0:65536\"\n"
				     "SWAPPAGES=\"0:131072\"\n"
				     "CPUUNITS=\"1000\"\n"
				     "NETFILTER=\"stateless\"\n";
#define BUILTIN_NAME "vzroot-builtin"

static const char *profile_of(const struct vzr_handoff_job *job)
{
	return job->domain ? job->domain->profile : NULL;
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of the samples that are there, sorted. */
static int list_samples(const struct vzr_settings *settings, struct vzr_list *names,
			struct vzr_error *err)
{
	const char *path = vzr_setting(settings, "VZ_CONF_DIR");
	int fd = vzr_open_in_root(vzr_settings_root_fd(settings), path, O_RDONLY | O_DIRECTORY, 0);
	VZR_AUTO_CLOSEDIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!dir) {
		int r = fd < 0 ? fd : -errno;

		vzr_closep(&fd);
		return r == -ENOENT ? 0 : vzr_fail_code(err, r, "cannot read %s", path);
	}
	while ((entry = readdir(dir))) {
		const char *name = entry->d_name;
		size_t len = strlen(name), rest = strlen(PREFIX) + strlen(SUFFIX);

		if (len > rest && strncmp(name, PREFIX, strlen(PREFIX)) == 0 &&
		    strcmp(name + len - strlen(SUFFIX), SUFFIX) == 0 &&
		    vzr_list_printf(names, "%.*s", (int)(len - rest), name + strlen(PREFIX)) < 0)
			return vzr_fail_code(err, -ENOMEM, "cannot read %s", path);
	}
	if (names->count)
		qsort(names->items, names->count, sizeof(*names->items), compare_texts);
	return 0;
}

/* Another sample is not what was named; none at all is a host that has not got OpenVZ yet. */
static int refuse_missing(const struct vzr_handoff_job *job, const char *path,
			  const struct vzr_list *names, struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf text = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < names->count && i < LISTED; i++)
		r = vzr_buf_printf(&text, "%s%s", i ? ", " : "", (const char *)names->items[i]);
	if (r == 0 && names->count > LISTED)
		r = vzr_buf_text(&text, ", ...");
	if (r < 0)
		return vzr_fail_code(err, r, "cannot list the samples");
	return vzr_fail(err, -VZR_E_NOT_FOUND,
			"there is no %s, which %s names; there are: %s", path,
			profile_of(job) ? "<profile>" : "CONFIGFILE", vzr_buf_cstr(&text));
}

int vzr_openvz_sample(const struct vzr_handoff_job *job, struct vzr_kv *conf,
		      const char **ret_name, struct vzr_error *err)
{
	const char *profile = profile_of(job);
	const char *name = profile ? profile : vzr_setting(job->settings, "CONFIGFILE");
	VZR_AUTO_BUF struct vzr_buf buf = { .max = SAMPLE_MAX };
	VZR_AUTO_TEXT_LIST struct vzr_list names = { 0 };
	VZR_AUTO_FREE char *path = NULL;
	int r = vzr_name_check("the name of the configuration sample", name, err);

	if (r < 0)
		return r;
	if (asprintf(&path, "%s/" PREFIX "%s" SUFFIX, vzr_setting(job->settings, "VZ_CONF_DIR"),
		     name) < 0)
		return vzr_fail_code(err, -ENOMEM, "cannot read a sample");
	r = vzr_settings_read_trusted(job->settings, path, &buf, err);
	if (r == 1) {
		r = list_samples(job->settings, &names, err);
		if (r == 0 && names.count)
			r = refuse_missing(job, path, &names, err);
		if (r == 0)
			r = vzr_buf_text(&buf, builtin_sample);
		if (r < 0)
			return r == -ENOMEM ? vzr_fail_code(err, r, "cannot make a sample") : r;
		vzr_info(job->ctx, "there is no %s: the built-in sample is used", path);
		name = BUILTIN_NAME;
	}
	if (r < 0)
		return r;
	*ret_name = name;
	r = vzr_kv_parse(vzr_buf_cstr(&buf), buf.len, 0, conf, err);
	return r < 0 ? vzr_wrap(err, r, "%s", path) : 0;
}

bool vzr_openvz_sample_ignored(const struct vzr_handoff_job *job)
{
	VZR_AUTO_TEXT_LIST struct vzr_list names = { 0 };

	return profile_of(job) && list_samples(job->settings, &names, NULL) == 0 &&
	       names.count == 0;
}
