/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* clone FROM TO copy|share WRITERS: the clone engine by itself, for tests and benchmarks. */
#include "engine/area/clone.h"
#include "engine/base/cleanup.h"

#include <fcntl.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct vzr_context ctx = { 0 };
	struct vzr_clone_job job = { .ctx = &ctx, .label = "the tree" };
	struct vzr_clone_count count;
	struct vzr_error err = VZR_ERROR_INIT;
	VZR_AUTO_CLOSE int from = -1, to = -1;

	if (argc != 5) {
		fprintf(stderr, "usage: clone FROM TO copy|share WRITERS\n");
		return 2;
	}
	from = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	to = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (from < 0 || to < 0) {
		perror("clone");
		return 1;
	}
	job.from_fd = from;
	job.to_fd = to;
	job.how = strcmp(argv[3], "share") == 0 ? VZR_CLONE_SHARE : VZR_CLONE_COPY;
	job.writers = (unsigned int)atoi(argv[4]);
	if (vzr_clone_tree(&job, &count, &err) < 0) {
		fprintf(stderr, "clone: %s\n", err.msg);
		return 1;
	}
	printf("%llu inodes, %llu bytes\n", (unsigned long long)count.inodes,
	       (unsigned long long)count.bytes);
	return 0;
}
