/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The state of a batch on disk, so that it can be resumed: STATE_DIR/batch/ID.batch, flocked by
 * the processes of the batch while one of them lives. Lines, each a letter, a blank and the rest:
 *
 *   m MEMO                   what the caller needs to make the same jobs again
 *   j INDEX CTID DIGEST      one container: its id and the digest of its specification
 *   b                        the plan is whole; without this line there is nothing to resume
 *   d INDEX                  it is finished
 *
 * All up to "b" is durable before the first container. A "d" line that is lost costs a look: the
 * container is there with the same specification.
 */
#include "engine/batch.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/path.h"
#include "engine/base/size.h"
#include "engine/base/time.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <time.h>

#define SUFFIX ".batch"
#define LOG_MAX ((size_t)256 << 20)
#define KEPT_MAX 32 /* unfinished batches; older ones make room */

struct vzr_batch_log {
	int dir_fd;
	int fd;
	char name[VZR_BATCH_ID + sizeof(SUFFIX)];
};

void vzr_batch_log_close(struct vzr_batch_log *log)
{
	if (!log)
		return;
	vzr_closep(&log->fd);
	vzr_closep(&log->dir_fd);
	free(log);
}

static int open_dir(const struct vzr_settings *settings, bool make, struct vzr_error *err)
{
	VZR_AUTO_FREE char *path = vzr_path_join(vzr_setting(settings, "STATE_DIR"), "batch");
	int root = vzr_settings_root_fd(settings);
	int fd;

	if (!path)
		return vzr_fail_code(err, -ENOMEM, "cannot open the batches' directory");
	if (make)
		return vzr_mkdirs_in_root(root, path, 0700, err);
	fd = vzr_open_in_root(root, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0 && fd != -ENOENT)
		return vzr_fail_code(err, fd, "cannot open %s", path);
	return fd;
}

static bool is_log(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > strlen(SUFFIX) && len < VZR_BATCH_ID + strlen(SUFFIX) &&
	       strcmp(name + len - strlen(SUFFIX), SUFFIX) == 0;
}

/* ---- writing ---- */

static int emit(const struct vzr_batch *batch, struct vzr_buf *buf)
{
	int r = vzr_buf_printf(buf, "m ");

	if (r == 0)
		r = vzr_buf_text(buf, batch->memo);
	if (r == 0)
		r = vzr_buf_text(buf, "\n");
	for (size_t i = 0; r == 0 && i < batch->jobs.count; i++) {
		const struct vzr_batch_job *job = vzr_batch_job(batch, i);

		r = vzr_buf_printf(buf, "j %zu %u %s\n", i, job->item.ctid, job->specification);
	}
	return r == 0 ? vzr_buf_text(buf, "b\n") : r;
}

static int make_name(struct vzr_batch_log *log)
{
	time_t now = (time_t)vzr_now();
	char text[24];
	unsigned int random;
	struct tm tm;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random) ||
	    !gmtime_r(&now, &tm) || strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &tm) == 0)
		return -EIO;
	snprintf(log->name, sizeof(log->name), "%s-%06x" SUFFIX, text, random & 0xffffffu);
	return 0;
}

static int write_log(const struct vzr_batch *batch, struct vzr_batch_log *log,
		     struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf buf = { .max = LOG_MAX };
	int r = emit(batch, &buf);

	if (r == 0)
		r = vzr_write_all(log->fd, buf.data, buf.len);
	if (r == 0 && !batch->options.request.no_sync &&
	    (fsync(log->fd) < 0 || fsync(log->dir_fd) < 0))
		r = -errno;
	return r < 0 ? vzr_fail_code(err, r, "cannot write the state of the batch") : 0;
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names of all logs, the oldest first: their names begin with the time. */
static int list_logs(int dir_fd, struct vzr_list *names, struct vzr_error *err)
{
	VZR_AUTO_CLOSEDIR DIR *dir = NULL;
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *entry;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return vzr_fail_errno(err, "cannot read the batches' directory");
	while ((entry = readdir(dir)))
		if (is_log(entry->d_name) && vzr_list_add_text(names, entry->d_name) < 0)
			return vzr_fail_code(err, -ENOMEM, "cannot read the batches' directory");
	if (names->count)
		qsort(names->items, names->count, sizeof(*names->items), compare_texts);
	return 0;
}

/* Opens and locks; -VZR_E_BUSY without a message if somebody is at work. */
static int open_locked(int dir_fd, const char *name)
{
	VZR_AUTO_CLOSE int fd =
		openat(dir_fd, name, O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -VZR_E_BUSY : -errno;
	return vzr_take_fd(fd);
}

static void remove_old(int dir_fd)
{
	VZR_AUTO_TEXT_LIST struct vzr_list names = { 0 };

	if (list_logs(dir_fd, &names, NULL) < 0)
		return;
	for (size_t i = 0; i + KEPT_MAX < names.count; i++) {
		VZR_AUTO_CLOSE int fd = open_locked(dir_fd, names.items[i]);

		if (fd >= 0)
			unlinkat(dir_fd, names.items[i], 0);
	}
}

int vzr_batch_log_new(const struct vzr_batch *batch, struct vzr_batch_log **ret_log,
		      struct vzr_error *err)
{
	struct vzr_batch_log *log = calloc(1, sizeof(*log));
	int r;

	if (!log)
		return vzr_fail_code(err, -ENOMEM, "cannot keep the state of the batch");
	*log = (struct vzr_batch_log){ .dir_fd = -1, .fd = -1 };
	r = log->dir_fd = open_dir(batch->engine->settings, true, err);
	if (r >= 0) {
		remove_old(log->dir_fd);
		r = make_name(log);
	}
	if (r == 0)
		r = log->fd = vzr_lock(log->dir_fd, log->name, false, err);
	if (r >= 0)
		r = write_log(batch, log, err);
	if (r < 0) {
		if (log->fd >= 0)
			unlinkat(log->dir_fd, log->name, 0);
		vzr_batch_log_close(log);
		return vzr_wrap(err, r, "cannot begin the batch");
	}
	*ret_log = log;
	return 0;
}

void vzr_batch_log_done(struct vzr_batch_log *log, struct vzr_context *ctx, size_t index)
{
	char line[32];
	int n = snprintf(line, sizeof(line), "d %zu\n", index);
	int r = log ? vzr_write_all(log->fd, line, (size_t)n) : 0;

	if (r < 0)
		vzr_warn(ctx, "cannot note in the state of the batch what is done: %s",
			 strerror(-r));
}

void vzr_batch_log_remove(struct vzr_batch_log *log, struct vzr_context *ctx)
{
	if (log && unlinkat(log->dir_fd, log->name, 0) < 0 && errno != ENOENT)
		vzr_warn(ctx, "cannot remove the state of the batch: %s", strerror(errno));
}

/* ---- reading ---- */

/* Takes the line that begins at *text off it; NULL when no whole line is left. */
static char *next_line(char **text)
{
	char *line = *text, *end = strchr(line, '\n');

	if (!end)
		return NULL;
	*end = '\0';
	*text = end + 1;
	return line;
}

static int foreign(struct vzr_error *err)
{
	return vzr_fail(err, -VZR_E_INPUT,
			"the interrupted batch was about other containers than these: run this "
			"one without --resume");
}

/* "INDEX CTID DIGEST" */
static int read_job(const struct vzr_batch *batch, const char *text, size_t *seen,
		    struct vzr_error *err)
{
	char digest[160];
	struct vzr_batch_job *job;
	size_t index;
	uint32_t ctid;

	if (sscanf(text, "%zu %u %159s", &index, &ctid, digest) != 3)
		return vzr_fail(err, -VZR_E_CONFIG, "the state of the batch is damaged: %s", text);
	if (index != *seen || index >= batch->jobs.count)
		return foreign(err);
	job = vzr_batch_job(batch, index);
	if (strcmp(job->specification, digest) != 0 ||
	    (job->request.ctid && job->request.ctid != ctid))
		return foreign(err);
	job->request.ctid = job->item.ctid = ctid;
	++*seen;
	return 0;
}

static int read_log(const struct vzr_batch *batch, char *text, struct vzr_error *err)
{
	bool begun = false;
	size_t seen = 0;
	uint64_t index;
	char *line;

	while ((line = next_line(&text))) {
		int r = 0;

		if (line[0] == 'j' && line[1] == ' ' && !begun)
			r = read_job(batch, line + 2, &seen, err);
		else if (line[0] == 'b')
			begun = true;
		else if (line[0] == 'd' && line[1] == ' ' && begun &&
			 vzr_parse_uint(line + 2, SIZE_MAX, &index) == 0 &&
			 index < batch->jobs.count)
			vzr_batch_job(batch, index)->done_before = true;
		if (r < 0)
			return r;
	}
	if (!begun || seen != batch->jobs.count)
		return foreign(err);
	return 0;
}

int vzr_batch_log_resume(const struct vzr_batch *batch, struct vzr_batch_log **ret_log,
			 struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf buf = { .max = LOG_MAX };
	struct vzr_batch_log *log = calloc(1, sizeof(*log));
	int r;

	if (!log)
		return vzr_fail_code(err, -ENOMEM, "cannot resume the batch");
	*log = (struct vzr_batch_log){ .dir_fd = -1, .fd = -1 };
	snprintf(log->name, sizeof(log->name), "%s" SUFFIX, batch->resume);
	r = vzr_name_check("batch", batch->resume, err);
	if (r == 0)
		r = log->dir_fd = open_dir(batch->engine->settings, true, err);
	if (r >= 0) {
		r = log->fd = open_locked(log->dir_fd, log->name);
		if (r == -VZR_E_BUSY)
			(void)vzr_fail(err, r, "somebody is at work on the batch %s",
				       batch->resume);
		else if (r < 0)
			(void)vzr_fail_code(err, r, "cannot open the state of batch %s",
					    batch->resume);
	}
	if (r >= 0)
		r = vzr_fd_read(log->fd, &buf, err);
	if (r == 0)
		r = read_log(batch, buf.data ? buf.data : (char[]){ "" }, err);
	if (r < 0) {
		vzr_batch_log_close(log);
		return vzr_wrap(err, r, "cannot resume");
	}
	*ret_log = log;
	return 0;
}

/* The memo, if the plan was written down whole; NULL if not. The caller frees. */
static char *read_memo(int fd)
{
	VZR_AUTO_BUF struct vzr_buf buf = { .max = LOG_MAX };
	char *text, *line, *memo = NULL;
	bool begun = false;

	if (vzr_fd_read(fd, &buf, NULL) < 0 || !buf.data)
		return NULL;
	text = buf.data;
	while (!begun && (line = next_line(&text))) {
		if (line[0] == 'm' && line[1] == ' ' && !memo)
			memo = line + 2;
		begun = line[0] == 'b';
	}
	return begun && memo ? strdup(memo) : NULL;
}

int vzr_batch_pending(struct vzr_engine *engine, char ret_id[VZR_BATCH_ID], char **ret_memo,
		      struct vzr_error *err)
{
	VZR_AUTO_TEXT_LIST struct vzr_list names = { 0 };
	VZR_AUTO_CLOSE int dir = open_dir(engine->settings, false, err);
	bool busy = false;
	int r = dir == -ENOENT ? 0 : dir;

	if (dir >= 0)
		r = list_logs(dir, &names, err);
	if (r < 0)
		return r;
	for (size_t i = names.count; i > 0; i--) {
		const char *name = names.items[i - 1];
		VZR_AUTO_CLOSE int fd = open_locked(dir, name);
		char *memo = fd < 0 ? NULL : read_memo(fd);

		busy |= fd == -VZR_E_BUSY;
		if (!memo)
			continue;
		snprintf(ret_id, VZR_BATCH_ID, "%.*s", (int)(strlen(name) - strlen(SUFFIX)), name);
		*ret_memo = memo;
		return 0;
	}
	if (busy)
		return vzr_fail(err, -VZR_E_BUSY, "somebody is at work on the batch: wait until "
						  "it has ended");
	return vzr_fail(err, -VZR_E_NOT_FOUND, "there is no interrupted batch to resume");
}
