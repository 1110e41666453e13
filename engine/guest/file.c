/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading and replacing files of a guest without ever following it outside. */
#include "engine/guest/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/random.h>

#define NEW_MODE 0644
#define TEMP_TRIES 16

void vzr_guest_file_done(struct vzr_guest_file *file)
{
	vzr_closep(&file->dir);
	file->dir = -1;
	vzr_buf_done(&file->text);
}

int vzr_guest_dir_open(const struct vzr_guest_job *job, const char *path, int *ret_fd,
		       struct vzr_error *err)
{
	int fd = vzr_open_beneath(job->root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

	*ret_fd = -1;
	if (fd == -ENOENT)
		return 0;
	if (fd == -ELOOP || fd == -ENOTDIR || fd == -EXDEV) {
		vzr_warn(job->ctx, "the template's %s is no directory of its own: left as it is",
			 path);
		return 1;
	}
	if (fd < 0)
		return vzr_fail_code(err, fd, "cannot open %s of the container", path);
	*ret_fd = fd;
	return 0;
}

/* The directory part of @path as a text of its own; NULL when out of memory. */
static char *dir_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
}

static const char *base_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int block(struct vzr_guest_file *file, const char *what)
{
	vzr_warn(file->job->ctx, "the template's %s is %s: left as it is", file->path, what);
	file->blocked = true;
	return 0;
}

static int read_text(struct vzr_guest_file *file, const char *name, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd = openat(file->dir, name,
				       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int r;

	if (fd < 0 || fstat(fd, &file->st) < 0)
		return vzr_fail_errno(err, "cannot open %s of the container", file->path);
	if (!S_ISREG(file->st.st_mode))
		return block(file, "no regular file");
	file->text.max = VZR_GUEST_FILE_MAX;
	r = vzr_fd_read(fd, &file->text, err);
	if (r == -VZR_E_LIMIT)
		return block(file, "larger than 1 MiB");
	if (r < 0)
		return vzr_wrap(err, r, "cannot read %s of the container", file->path);
	file->exists = true;
	return 0;
}

/* Looked at before it is opened: opening a device can act on it. */
static int look_at(struct vzr_guest_file *file, struct vzr_error *err)
{
	const char *name = base_part(file->path);

	if (fstatat(file->dir, name, &file->st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0
				       : vzr_fail_errno(err, "cannot look at %s of the container",
							file->path);
	if (S_ISLNK(file->st.st_mode))
		return block(file, "a symbolic link");
	if (!S_ISREG(file->st.st_mode))
		return block(file, "no regular file");
	return read_text(file, name, err);
}

int vzr_guest_file_open_at(const struct vzr_guest_job *job, int dir, const char *path,
			   struct vzr_guest_file *ret_file, struct vzr_error *err)
{
	*ret_file = (struct vzr_guest_file){ .job = job, .path = path, .dir = -1 };
	ret_file->dir = fcntl(dir, F_DUPFD_CLOEXEC, 3);
	if (ret_file->dir < 0)
		return vzr_fail_errno(err, "cannot open %s of the container", path);
	return look_at(ret_file, err);
}

int vzr_guest_file_open(const struct vzr_guest_job *job, const char *path,
			struct vzr_guest_file *ret_file, struct vzr_error *err)
{
	VZR_AUTO_FREE char *dir = dir_part(path);
	int r;

	*ret_file = (struct vzr_guest_file){ .job = job, .path = path, .dir = -1 };
	if (!dir)
		return vzr_fail_code(err, -ENOMEM, "cannot open %s of the container", path);
	r = vzr_guest_dir_open(job, dir, &ret_file->dir, err);
	if (r == 0 && ret_file->dir >= 0)
		r = look_at(ret_file, err);
	if (r > 0)
		ret_file->blocked = true;
	return r < 0 ? r : 0;
}

bool vzr_guest_file_possible(const struct vzr_guest_file *file)
{
	return file->dir >= 0 && !file->blocked;
}

/* A file of a name that the guest cannot have guessed; the name is put into @temp. */
static int make_temp(const struct vzr_guest_file *file, char temp[32])
{
	for (int i = 0; i < TEMP_TRIES; i++) {
		uint64_t random;
		int fd;

		if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
			return -errno;
		snprintf(temp, 32, ".vzroot-%016llx", (unsigned long long)random);
		fd = openat(file->dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			    0600);
		if (fd >= 0 || errno != EEXIST)
			return fd < 0 ? -errno : fd;
	}
	return -EEXIST;
}

static int fill_temp(const struct vzr_guest_file *file, int fd, const struct vzr_buf *text)
{
	uid_t uid = file->exists ? file->st.st_uid : file->job->root_uid;
	gid_t gid = file->exists ? file->st.st_gid : file->job->root_gid;
	mode_t mode = file->exists ? file->st.st_mode & 07777 : NEW_MODE;
	struct stat st;
	int r = vzr_write_all(fd, vzr_buf_cstr(text), text->len);

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	/* Not even asked for where it is so already: an ordinary user may customise its own. */
	if ((st.st_uid != uid || st.st_gid != gid) && fchown(fd, uid, gid) < 0)
		return -errno;
	return fchmod(fd, mode) < 0 ? -errno : 0;
}

static bool same_text(const struct vzr_guest_file *file, const struct vzr_buf *text)
{
	return file->exists && file->text.len == text->len &&
	       memcmp(vzr_buf_cstr(&file->text), vzr_buf_cstr(text), text->len) == 0;
}

int vzr_guest_file_put(struct vzr_guest_file *file, const struct vzr_buf *text,
		       struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd = -1;
	char temp[32];
	int r;

	if (!vzr_guest_file_possible(file) || same_text(file, text))
		return 0;
	fd = make_temp(file, temp);
	if (fd < 0)
		return vzr_fail_code(err, fd, "cannot write %s of the container", file->path);
	r = fill_temp(file, fd, text);
	if (r == 0 && renameat(file->dir, temp, file->dir, base_part(file->path)) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(file->dir, temp, 0);
		return vzr_fail_code(err, r, "cannot write %s of the container", file->path);
	}
	return 0;
}

size_t vzr_guest_next_line(const char **at, const char *end, const char **ret_line)
{
	const char *line = *at;
	const char *nl = memchr(line, '\n', (size_t)(end - line));
	size_t len = nl ? (size_t)(nl - line) : (size_t)(end - line);

	*ret_line = line;
	*at = nl ? nl + 1 : end;
	return len;
}
