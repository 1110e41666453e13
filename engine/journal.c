/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The journal: records written before the act, run backwards when the act does not count. */
#include "engine/journal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/list.h"
#include "engine/base/path.h"
#include "engine/base/size.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#define SUFFIX ".journal"
#define JOURNAL_MAX (1u << 20)
#define LOCK_TRIES 100
#define HANDLE_TEXT (16 + 2 * MAX_HANDLE_SZ) /* 272, which a sscanf() below knows */

/* A record: one letter, a blank, the rest of the line. Letters are the format on disk. */
enum record {
	RECORD_PID = 'p',
	RECORD_INODE = 'i', /* DEV INO HANDLE of the staged tree; "-": it has no handle */
	RECORD_COMMIT = 'c',
	RECORD_STAGING = 's',
	RECORD_TREE = 't',
	RECORD_FILE = 'f',
	RECORD_DIRECTORY = 'd',
	RECORD_LOCK = 'l',
	RECORD_LINK = 'n',
	RECORD_ABORT = 'x', /* the commit path is somebody else's if it exists */
	RECORD_RESUME = 'r', /* text for the resume function of recovery */
};

struct vzr_undo {
	const struct vzr_settings *settings;
	int dir_fd;
	int fd; /* the journal, flocked */
	char name[96];
	bool no_sync;
};

static void undo_free(struct vzr_undo *undo)
{
	if (!undo)
		return;
	vzr_closep(&undo->fd);
	vzr_closep(&undo->dir_fd);
	free(undo);
}

static int open_dir(const struct vzr_settings *settings, bool make, struct vzr_error *err)
{
	VZR_AUTO_FREE char *path = vzr_path_join(vzr_setting(settings, "STATE_DIR"), "journal");
	VZR_AUTO_CLOSE int state = -1;
	int root = vzr_settings_root_fd(settings);
	int fd;

	if (!path)
		return vzr_fail_code(err, -ENOMEM, "cannot open the journal");
	if (make) {
		/* What stands above it (/var/lib in a new root) is not ours alone. */
		state = vzr_setting_mkdir(settings, "STATE_DIR", 0755, err);
		return state < 0 ? state : vzr_mkdirs_in_root(root, path, 0700, err);
	}
	fd = vzr_open_in_root(root, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0 && fd != -ENOENT)
		return vzr_fail_code(err, fd, "cannot open %s", path);
	return fd;
}

/* One write per record: a kill leaves a whole line, none, or a cut last one, which is skipped. */
static int append(struct vzr_undo *undo, enum record record, const char *text,
		  struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf line = { 0 };
	int r;

	if (strchr(text, '\n'))
		return vzr_fail(err, -VZR_E_INPUT, "path '%s' has a newline in it", text);
	r = vzr_buf_printf(&line, "%c %s\n", (int)record, text);
	if (r == 0)
		r = vzr_write_all(undo->fd, line.data, line.len);
	if (r == 0 && !undo->no_sync && fdatasync(undo->fd) < 0)
		r = -errno;
	return r < 0 ? vzr_fail_code(err, r, "cannot write the journal") : 0;
}

/*
 * Makes and locks the journal. Between the two, somebody who recovers may take the empty file for
 * one of the dead: it lets go of it in a moment.
 */
static int lock_journal(struct vzr_undo *undo, struct vzr_error *err)
{
	static const struct timespec pause = { .tv_nsec = 10000000 };
	int fd = -VZR_E_BUSY;

	for (int i = 0; i < LOCK_TRIES && fd == -VZR_E_BUSY; i++) {
		if (i > 0)
			nanosleep(&pause, NULL);
		fd = vzr_lock(undo->dir_fd, undo->name, false, err);
	}
	return fd;
}

int vzr_journal_begin(const struct vzr_settings *settings, const char *what, bool no_sync,
		      struct vzr_undo **ret_undo, struct vzr_error *err)
{
	static atomic_uint counter;
	struct vzr_undo *undo = calloc(1, sizeof(*undo));
	char pid[16];
	int r;

	if (!undo)
		return vzr_fail_code(err, -ENOMEM, "cannot begin");
	*undo = (struct vzr_undo){ .settings = settings, .fd = -1, .no_sync = no_sync };
	undo->dir_fd = open_dir(settings, true, err);
	r = undo->dir_fd;
	if (r >= 0) {
		snprintf(undo->name, sizeof(undo->name), "%s-%d-%u" SUFFIX, what, (int)getpid(),
			 atomic_fetch_add(&counter, 1));
		r = undo->fd = lock_journal(undo, err);
	}
	if (r >= 0 && (ftruncate(undo->fd, 0) < 0 || lseek(undo->fd, 0, SEEK_SET) < 0))
		r = vzr_fail_errno(err, "cannot empty the journal");
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	if (r >= 0)
		r = append(undo, RECORD_PID, pid, err);
	if (r >= 0 && !no_sync && fsync(undo->dir_fd) < 0)
		r = vzr_fail_errno(err, "cannot sync the journal's directory");
	if (r < 0) {
		if (undo->dir_fd >= 0 && r != -VZR_E_BUSY)
			unlinkat(undo->dir_fd, undo->name, 0);
		undo_free(undo);
		return vzr_wrap(err, r, "cannot begin the transaction");
	}
	*ret_undo = undo;
	return 0;
}

int vzr_undo_push(struct vzr_undo *undo, enum vzr_undo_kind kind, const char *path,
		  struct vzr_error *err)
{
	static const enum record records[] = {
		[VZR_UNDO_TREE] = RECORD_TREE,
		[VZR_UNDO_FILE] = RECORD_FILE,
		[VZR_UNDO_DIRECTORY] = RECORD_DIRECTORY,
		[VZR_UNDO_LOCK] = RECORD_LOCK,
		[VZR_UNDO_LINK] = RECORD_LINK,
	};

	return append(undo, records[kind], path, err);
}

int vzr_journal_sync(struct vzr_undo *undo, struct vzr_error *err)
{
	if (fsync(undo->fd) < 0 || fsync(undo->dir_fd) < 0)
		return vzr_fail_errno(err, "cannot sync the journal");
	return 0;
}

int vzr_journal_push_staging(struct vzr_undo *undo, const char *path, struct vzr_error *err)
{
	return append(undo, RECORD_STAGING, path, err);
}

/*
 * The file system's own name for an inode. Device numbers may be others after a reboot (of btrfs
 * subvolumes they always may), and inode numbers are used again. False where there are no handles.
 */
static bool handle_text(int dirfd, const char *name, int flags, char out[HANDLE_TEXT])
{
	union {
		struct file_handle head;
		unsigned char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} handle = { .head.handle_bytes = MAX_HANDLE_SZ };
	int mount, len;

	if (name_to_handle_at(dirfd, name, &handle.head, &mount, flags) < 0)
		return false;
	len = snprintf(out, HANDLE_TEXT, "%d:", handle.head.handle_type);
	for (unsigned int i = 0; i < handle.head.handle_bytes; i++)
		len += snprintf(out + len, HANDLE_TEXT - (size_t)len, "%02x",
				handle.room[sizeof(struct file_handle) + i]);
	return true;
}

int vzr_journal_note_tree(struct vzr_undo *undo, int tree_fd, struct vzr_error *err)
{
	char handle[HANDLE_TEXT] = "-", text[HANDLE_TEXT + 48];
	struct stat st;

	if (fstat(tree_fd, &st) < 0)
		return vzr_fail_errno(err, "cannot look at the staged tree");
	(void)handle_text(tree_fd, "", AT_EMPTY_PATH, handle);
	snprintf(text, sizeof(text), "%llu %llu %s", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino, handle);
	return append(undo, RECORD_INODE, text, err);
}

int vzr_journal_commit_path(struct vzr_undo *undo, const char *path, struct vzr_error *err)
{
	return append(undo, RECORD_COMMIT, path, err);
}

int vzr_journal_push_resume(struct vzr_undo *undo, const char *text, struct vzr_error *err)
{
	return append(undo, RECORD_RESUME, text, err);
}

void vzr_journal_abort(struct vzr_undo *undo, struct vzr_context *ctx)
{
	struct vzr_error err = VZR_ERROR_INIT;

	if (undo && append(undo, RECORD_ABORT, "failed", &err) < 0)
		vzr_debug(ctx, "%s", err.msg);
}

void vzr_journal_leave(struct vzr_undo *undo)
{
	undo_free(undo);
}

/* ---- taking back ---- */

struct taking {
	const struct vzr_settings *settings;
	struct vzr_context *ctx;
	struct vzr_list lines;
	pid_t pid;
	uint64_t dev, ino;
	char handle[HANDLE_TEXT]; /* "" or "-": none was recorded */
	const char *commit; /* the path; NULL: none was recorded */
	bool committed;
	struct timespec begun; /* of the file system's clock: the journal's own birth */
	const struct vzr_journal_resume *resume; /* NULL: the owner itself ends it */
	unsigned int failures;
};

static int parent_of(const struct taking *t, const char *path, const char **ret_name)
{
	return vzr_open_parent_in_root(vzr_settings_root_fd(t->settings), path, ret_name);
}

/*
 * The questions below are answered with 1, 0 or -errno: where the answer is not known, nothing may
 * be removed and nothing forgotten. What is not there is 0.
 */
static int absent(int error)
{
	return error == ENOENT || error == ENOTDIR ? 0 : -error;
}

static int path_exists(const struct taking *t, const char *path)
{
	const char *name;
	VZR_AUTO_CLOSE int fd = parent_of(t, path, &name);
	struct stat st;

	if (fd < 0)
		return absent(-fd);
	return fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? 1 : absent(errno);
}

static int is_staged_tree(const struct taking *t, int fd, const char *name)
{
	char handle[HANDLE_TEXT];
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return absent(errno);
	if (strlen(t->handle) > 1 && handle_text(fd, name, 0, handle))
		return S_ISDIR(st.st_mode) && strcmp(handle, t->handle) == 0;
	return S_ISDIR(st.st_mode) && (uint64_t)st.st_dev == t->dev &&
	       (uint64_t)st.st_ino == t->ino;
}

static int made_since(const struct taking *t, int fd, const char *name)
{
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return absent(errno);
	if (S_ISDIR(st.st_mode))
		return 0;
	return st.st_ctim.tv_sec > t->begun.tv_sec ||
	       (st.st_ctim.tv_sec == t->begun.tv_sec && st.st_ctim.tv_nsec >= t->begun.tv_nsec);
}

static int is_our_lock(const struct taking *t, int fd, const char *name)
{
	VZR_AUTO_BUF struct vzr_buf buf = { .max = 256 };
	uint64_t pid;

	int r = vzr_file_read(fd, name, &buf, NULL);

	if (r < 0)
		return r == -ENOENT || r == -ELOOP || r <= -VZR_E_FAILED ? 0 : r;
	/* A lock appears whole: one without content lost it to a power cut, as its owner did. */
	if (!buf.data || !*buf.data)
		return 1;
	buf.data[strcspn(buf.data, "\n")] = '\0';
	return vzr_parse_uint(buf.data, INT32_MAX, &pid) == 0 && (pid_t)pid == t->pid;
}

/* Others make links of the same name, but theirs lead elsewhere. */
static int is_our_link(const struct taking *t, int fd, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(fd, name, target, sizeof(target) - 1);

	if (n < 0)
		return errno == EINVAL ? 0 : absent(errno);
	target[n] = '\0';
	return t->commit && strcmp(target, t->commit) == 0;
}

static int cannot_tell(int r, const char *path, struct vzr_error *err)
{
	return r < 0 ? vzr_fail_code(err, r, "cannot look at %s", path) : 0;
}

static int take_back(const struct taking *t, enum record record, const char *path,
		     struct vzr_error *err)
{
	const char *name;
	VZR_AUTO_CLOSE int fd = parent_of(t, path, &name);
	int r;

	if (fd == -ENOENT || fd == -ENOTDIR)
		return 0;
	if (fd < 0)
		return vzr_fail_code(err, fd, "cannot open the directory of %s", path);
	switch (record) {
	case RECORD_STAGING:
		return vzr_rm_tree(fd, name, err);
	case RECORD_TREE:
		r = is_staged_tree(t, fd, name);
		return r > 0 ? vzr_rm_tree(fd, name, err) : cannot_tell(r, path, err);
	case RECORD_FILE:
		r = made_since(t, fd, name);
		if (r > 0 && unlinkat(fd, name, 0) < 0 && errno != ENOENT)
			return vzr_fail_errno(err, "cannot remove %s", path);
		return cannot_tell(r, path, err);
	case RECORD_LINK:
		r = is_our_link(t, fd, name);
		if (r > 0 && unlinkat(fd, name, 0) < 0 && errno != ENOENT)
			return vzr_fail_errno(err, "cannot remove %s", path);
		return cannot_tell(r, path, err);
	case RECORD_DIRECTORY:
		if (unlinkat(fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT &&
		    errno != ENOTEMPTY && errno != ENOTDIR)
			return vzr_fail_errno(err, "cannot remove directory %s", path);
		return 0;
	case RECORD_LOCK:
		r = is_our_lock(t, fd, name);
		if (r > 0 && unlinkat(fd, name, 0) < 0 && errno != ENOENT)
			return vzr_fail_errno(err, "cannot remove lock %s", path);
		return cannot_tell(r, path, err);
	case RECORD_PID:
	case RECORD_INODE:
	case RECORD_COMMIT:
	case RECORD_RESUME:
	case RECORD_ABORT:
		break;
	}
	return 0;
}

static int read_head(struct taking *t, const char *line, struct vzr_error *err)
{
	const char *text = line + 2;
	uint64_t pid;
	int r = 0;

	if (line[0] == RECORD_PID && vzr_parse_uint(text, INT32_MAX, &pid) == 0)
		t->pid = (pid_t)pid;
	if (line[0] == RECORD_INODE)
		(void)sscanf(text, "%lu %lu %271s", &t->dev, &t->ino, t->handle);
	if (line[0] == RECORD_COMMIT) {
		t->commit = text;
		r = path_exists(t, text);
	}
	if (r > 0)
		t->committed = true;
	if (line[0] == RECORD_ABORT)
		t->committed = false;
	return cannot_tell(r, text, err);
}

/* Whole lines only: a line that a kill has cut was written before its act, which did not happen. */
static int split_lines(struct taking *t, char *text, struct vzr_error *err)
{
	char *end;

	int r = 0;

	for (; r == 0 && (end = strchr(text, '\n')); text = end + 1) {
		*end = '\0';
		if (strlen(text) < 2 || text[1] != ' ')
			continue;
		if (vzr_list_add_text(&t->lines, text) < 0)
			return vzr_fail_code(err, -ENOMEM, "cannot read the journal");
		r = read_head(t, text, err);
	}
	return r;
}

static bool wanted(const struct taking *t, enum record record)
{
	if (record == RECORD_STAGING || record == RECORD_LOCK)
		return true;
	return !t->committed;
}

static int end_record(const struct taking *t, const char *line, struct vzr_error *err)
{
	enum record record = (enum record)line[0];

	if (record == RECORD_RESUME)
		return t->resume ? t->resume->fn(t->resume->data, line + 2, err) : 0;
	return wanted(t, record) ? take_back(t, record, line + 2, err) : 0;
}

static int run_backwards(struct taking *t, int fd, struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf buf = { .max = JOURNAL_MAX };
	struct stat st;
	int r;

	if (lseek(fd, 0, SEEK_SET) < 0 || fstat(fd, &st) < 0)
		return vzr_fail_errno(err, "cannot read the journal");
	r = vzr_fd_read(fd, &buf, err);
	if (r < 0)
		return r;
	r = buf.data ? split_lines(t, buf.data, err) : 0;
	for (size_t i = t->lines.count; r == 0 && i > 0; i--) {
		struct vzr_error why = VZR_ERROR_INIT;

		if (end_record(t, t->lines.items[i - 1], &why) < 0) {
			vzr_warn(t->ctx, "could not clean up: %s", why.msg);
			t->failures++;
		}
	}
	vzr_list_done(&t->lines, free);
	return r;
}

/* When the transaction began, by the clock that the file system stamps files with. */
static struct timespec birth(int fd)
{
	struct statx stx;
	struct stat st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &stx) == 0 && stx.stx_mask & STATX_BTIME)
		return (struct timespec){ stx.stx_btime.tv_sec, stx.stx_btime.tv_nsec };
	if (fstat(fd, &st) == 0)
		return st.st_atim; /* nobody reads a journal before it ends */
	return (struct timespec){ 0 };
}

static int end_journal(struct taking *t, int dir_fd, int fd, const char *name,
		       struct vzr_error *err)
{
	int r;

	t->begun = birth(fd);
	r = run_backwards(t, fd, err);

	if (r < 0)
		return r;
	if (t->failures)
		return vzr_fail(err, -VZR_E_FAILED,
				"%u things could not be cleaned up; run 'vzroot recover' again "
				"when the cause is gone",
				t->failures);
	if (unlinkat(dir_fd, name, 0) < 0)
		return vzr_fail_errno(err, "cannot remove journal %s", name);
	return 0;
}

void vzr_journal_end(struct vzr_undo *undo, struct vzr_context *ctx)
{
	struct vzr_error err = VZR_ERROR_INIT;
	struct taking t = { 0 };

	if (!undo)
		return;
	t = (struct taking){ .settings = undo->settings, .ctx = ctx };
	if (end_journal(&t, undo->dir_fd, undo->fd, undo->name, &err) < 0)
		vzr_warn(ctx, "%s", err.msg);
	undo_free(undo);
}

static int recover_one(struct taking t, int dir_fd, const char *name, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd = openat(dir_fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0 : vzr_fail_errno(err, "cannot open journal %s", name);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 0 : vzr_fail_errno(err, "cannot lock %s", name);
	/* Its owner came to the end meanwhile: what it names may be somebody else's by now. */
	if (fstat(fd, &st) < 0 || st.st_nlink == 0)
		return 0;
	r = end_journal(&t, dir_fd, fd, name, err);
	return r < 0 ? r : 1;
}

/*
 * One recovery at a time: who comes later must not begin a container while what is left of an
 * earlier one of the same id is still being taken back by its paths.
 */
static int lock_recovery(int dir_fd, struct vzr_context *ctx, struct vzr_error *err)
{
	while (flock(dir_fd, LOCK_EX) < 0) {
		int r = errno == EINTR ? vzr_cancelled(ctx, err)
				       : vzr_fail_errno(err, "cannot lock the journal directory");

		if (r < 0)
			return r;
	}
	return 0;
}

int vzr_journal_recover(const struct vzr_settings *settings, struct vzr_context *ctx,
			const struct vzr_journal_resume *resume, unsigned int *ret_count,
			struct vzr_error *err)
{
	const struct taking t = { .settings = settings, .ctx = ctx, .resume = resume };
	VZR_AUTO_CLOSEDIR DIR *dir = NULL;
	VZR_AUTO_CLOSE int fd = open_dir(settings, false, err);
	const struct dirent *entry;
	unsigned int count = 0;
	int result = 0;

	if (fd < 0)
		return fd == -ENOENT ? (*ret_count = 0, 0) : fd;
	result = lock_recovery(fd, ctx, err);
	if (result < 0)
		return result;
	dir = fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 3));
	if (!dir)
		return vzr_fail_errno(err, "cannot read the journal directory");
	while ((entry = readdir(dir))) {
		size_t len = strlen(entry->d_name);
		int r;

		if (len <= strlen(SUFFIX) ||
		    strcmp(entry->d_name + len - strlen(SUFFIX), SUFFIX) != 0)
			continue;
		r = recover_one(t, fd, entry->d_name, result < 0 ? NULL : err);
		if (r < 0)
			result = r;
		else
			count += (unsigned int)r;
	}
	*ret_count = count;
	return result;
}
