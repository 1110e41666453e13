/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Directories in staging, and clones of a prepared form. */
#include "engine/area/common.h"

#include "engine/area/base.h"
#include "engine/base/cleanup.h"

#include <fcntl.h>
#include <sys/stat.h>

int vzr_area_make_dir(const struct vzr_area_job *job, struct vzr_error *err)
{
	int fd;

	if (mkdirat(job->staging_fd, job->staging_name, 0700) < 0)
		return vzr_fail_errno(err, "cannot make the staging directory %s",
				      job->staging_name);
	fd = openat(job->staging_fd, job->staging_name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? vzr_fail_errno(err, "cannot open the staging directory %s",
				       job->staging_name)
		      : fd;
}

void vzr_area_result_of_base(const struct vzr_area_job *job, struct vzr_unpack_result *ret_result)
{
	*ret_result = (struct vzr_unpack_result){
		.entries = job->base->entries,
		.inodes = job->base->inodes,
		.bytes = job->base->bytes,
		.kib = job->base->kib,
	};
	if (job->digest)
		ret_result->sha256 = *job->digest;
}

int vzr_area_fill_clone(const struct vzr_area_job *job, enum vzr_clone_how how, int tree_fd,
			struct vzr_unpack_result *ret_result, struct vzr_error *err)
{
	const struct vzr_clone_job clone = {
		.ctx = job->ctx,
		.from_fd = job->base->root_fd,
		.to_fd = tree_fd,
		.how = how,
		.writers = job->writers,
		.plain = job->base->plain,
		.total_bytes = job->base->bytes,
		.label = job->label,
	};
	struct vzr_clone_count count;
	int r = vzr_clone_tree(&clone, &count, err);

	if (r < 0)
		return r;
	if (count.inodes != job->base->inodes || count.bytes != job->base->bytes)
		return vzr_fail(err, -EIO,
				"%s has %llu inodes of %llu bytes instead of %llu of %llu: its "
				"prepared form has changed; 'vzroot template prune' removes it",
				job->label, (unsigned long long)count.inodes,
				(unsigned long long)count.bytes,
				(unsigned long long)job->base->inodes,
				(unsigned long long)job->base->bytes);
	vzr_area_result_of_base(job, ret_result);
	return 0;
}
