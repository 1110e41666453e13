/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of all containers: their records are read side by side, for there may be thousands. */
#include "engine/container.h"

#include "engine/base/cleanup.h"
#include "engine/base/size.h"
#include "engine/engine.h"

#include <pthread.h>
#include <string.h>

#define CTID_MAX 2147483644u
#define MAX_THREADS 4u
#define WORTH_A_THREAD 500u /* records; fewer are read in less time than it takes to start */
#define GROW 256u

/* What one thread reads: every @step-th id from @first on. */
struct share {
	int dir_fd;
	const uint32_t *ctids;
	size_t count, first, step;
	struct vzr_container **containers; /* as many as ids; NULL: not read */
	struct vzr_error *errors;	   /* the same; code 0: none */
};

/* "101.json" -> 101; 0 for anything else. */
static uint32_t ctid_of(const char *name)
{
	char digits[16];
	uint64_t value;
	size_t len = strcspn(name, ".");

	if (len == 0 || len >= sizeof(digits) || strcmp(name + len, ".json") != 0)
		return 0;
	memcpy(digits, name, len);
	digits[len] = '\0';
	return vzr_parse_uint(digits, CTID_MAX, &value) == 0 ? (uint32_t)value : 0;
}

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The ids that there are records of, ascending. */
static int find_ctids(DIR *dir, uint32_t **ret_ctids, size_t *ret_count)
{
	VZR_AUTO_FREE uint32_t *ctids = NULL;
	const struct dirent *entry;
	size_t count = 0;

	while ((entry = readdir(dir))) {
		uint32_t ctid = ctid_of(entry->d_name);

		if (!ctid)
			continue;
		if (count % GROW == 0) {
			uint32_t *grown = realloc(ctids, (count + GROW) * sizeof(*ctids));

			if (!grown)
				return -ENOMEM;
			ctids = grown;
		}
		ctids[count++] = ctid;
	}
	if (count > 0)
		qsort(ctids, count, sizeof(*ctids), by_number);
	*ret_ctids = vzr_take_ptr(ctids);
	*ret_count = count;
	return 0;
}

static void *read_share(void *arg)
{
	const struct share *share = arg;

	for (size_t i = share->first; i < share->count; i += share->step) {
		char name[32];

		snprintf(name, sizeof(name), "%u.json", share->ctids[i]);
		share->errors[i].code = vzr_record_read(share->dir_fd, name, share->ctids[i],
							&share->containers[i], &share->errors[i]);
	}
	return NULL;
}

static size_t count_threads(size_t records)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	size_t most = processors > 0 && (size_t)processors < MAX_THREADS ? (size_t)processors
									 : MAX_THREADS;
	size_t worth = 1 + records / WORTH_A_THREAD;

	return worth < most ? worth : most;
}

/* A share whose thread cannot be started is read here. */
static void read_all(const struct share *whole)
{
	struct share shares[MAX_THREADS];
	pthread_t threads[MAX_THREADS];
	bool started[MAX_THREADS] = {false};
	size_t n = count_threads(whole->count);

	for (size_t i = 0; i < n; i++) {
		shares[i] = *whole;
		shares[i].first = i;
		shares[i].step = n;
		started[i] =
			i > 0 && pthread_create(&threads[i], NULL, read_share, &shares[i]) == 0;
	}
	for (size_t i = 0; i < n; i++)
		if (!started[i])
			read_share(&shares[i]);
	for (size_t i = 1; i < n; i++)
		if (started[i])
			pthread_join(threads[i], NULL);
}

/* One record that cannot be used does not hide the others. Closes the gaps; the new count. */
static int settle(struct vzr_context *ctx, struct share *whole, size_t *ret_count,
		  struct vzr_error *err)
{
	size_t count = 0;
	int r = 0;

	for (size_t i = 0; i < whole->count; i++) {
		int code = whole->errors[i].code;

		if (code == -ENOMEM)
			r = vzr_fail_code(err, code, "cannot list the containers");
		else if (code < 0 && code != -VZR_E_NOT_FOUND) /* destroyed while we read */
			vzr_warn(ctx, "%s", whole->errors[i].msg);
		if (whole->containers[i])
			whole->containers[count++] = whole->containers[i];
	}
	*ret_count = count;
	return r;
}

static int list_all(struct vzr_engine *engine, DIR *dir, struct vzr_container ***ret_list,
		    size_t *ret_count, struct vzr_error *err)
{
	VZR_AUTO_FREE uint32_t *ctids = NULL;
	VZR_AUTO_FREE struct vzr_error *errors = NULL;
	struct share whole = {.dir_fd = dirfd(dir)};
	int r = find_ctids(dir, &ctids, &whole.count);

	if (r == 0 && whole.count == 0)
		return 0;
	if (r == 0) {
		whole.ctids = ctids;
		whole.containers = calloc(whole.count, sizeof(*whole.containers));
		errors = whole.errors = calloc(whole.count, sizeof(*errors));
	}
	if (!whole.containers || !errors) {
		free(whole.containers);
		return vzr_fail_code(err, -ENOMEM, "cannot list the containers");
	}
	read_all(&whole);
	r = settle(&engine->ctx, &whole, ret_count, err);
	if (r < 0) {
		vzr_container_list_free(whole.containers, *ret_count);
		*ret_count = 0;
		return r;
	}
	*ret_list = whole.containers;
	return 0;
}

int vzr_container_list(struct vzr_engine *engine, struct vzr_container ***ret_list,
		       size_t *ret_count, struct vzr_error *err)
{
	int fd = vzr_records_open(engine->settings);
	VZR_AUTO_CLOSEDIR DIR *dir = NULL;

	*ret_list = NULL;
	*ret_count = 0;
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return vzr_fail_code(err, fd, "cannot open the records of containers");
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return vzr_fail_errno(err, "cannot read the records of containers");
	}
	return list_all(engine, dir, ret_list, ret_count, err);
}
