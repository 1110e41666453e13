/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The threads of a clone and their tasks. A directory is one task: its sub-directories are made
 * and become tasks, its files are made in batches, which are handed to threads that have nothing
 * to do. Attributes and times of a directory follow when the last thing in it was made.
 */
#include "engine/area/internal.h"

#include "engine/area/listing.h"
#include "engine/base/cleanup.h"
#include "engine/base/fd.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#define MAX_WRITERS 64
#define MIN_CHOSEN_WRITERS 4
#define MAX_CHOSEN_WRITERS 16
#define BATCH 64
#define WATCH_MS 50

/* A directory by its path, or a batch of names in one that is open. */
struct task {
	struct task *next;
	struct vzr_clone_dir *dir; /* NULL: a directory to begin with */
	char *path;		   /* of that directory */
	struct vzr_listing batch;
};

struct pool {
	struct vzr_cloner cloner;
	pthread_mutex_t lock;
	pthread_cond_t work;	/* for the threads: a task, or the end */
	pthread_cond_t ended;	/* for the caller: no task is left */
	struct task *tasks;	/* the newest first: few are under way at a time */
	size_t unfinished;	/* queued and running */
	unsigned int idle;
	bool end;
	struct vzr_error error; /* the first one */
	int code;
};

/* ---- tasks ---- */

static void task_free(struct task *task)
{
	free(task->path);
	vzr_listing_done(&task->batch);
	free(task);
}

static void push(struct pool *pool, struct task *task)
{
	pthread_mutex_lock(&pool->lock);
	task->next = pool->tasks;
	pool->tasks = task;
	pool->unfinished++;
	pthread_cond_signal(&pool->work);
	pthread_mutex_unlock(&pool->lock);
}

static struct task *pop(struct pool *pool)
{
	struct task *task;

	pthread_mutex_lock(&pool->lock);
	pool->idle++;
	while (!pool->tasks && !pool->end)
		pthread_cond_wait(&pool->work, &pool->lock);
	pool->idle--;
	task = pool->tasks;
	if (task)
		pool->tasks = task->next;
	pthread_mutex_unlock(&pool->lock);
	return task;
}

static void finished(struct pool *pool, int r, const struct vzr_error *err)
{
	pthread_mutex_lock(&pool->lock);
	/* Who was only told to stop may be here before the one who knows why. */
	if (r < 0 && r != -ECANCELED && pool->code == 0) {
		pool->code = r;
		pool->error = *err;
		atomic_store(&pool->cloner.stop, true);
	}
	if (--pool->unfinished == 0)
		pthread_cond_signal(&pool->ended);
	pthread_mutex_unlock(&pool->lock);
}

/* Somebody waits and nothing is queued: a good moment to give work away. */
static bool others_wait(struct pool *pool)
{
	bool yes;

	pthread_mutex_lock(&pool->lock);
	yes = pool->idle > 0 && !pool->tasks;
	pthread_mutex_unlock(&pool->lock);
	return yes;
}

/* ---- directories ---- */

static int dir_open(struct vzr_cloner *c, const char *path, struct vzr_clone_dir **ret_dir,
		    struct vzr_error *err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
	struct vzr_clone_dir *dir = calloc(1, sizeof(*dir));

	*ret_dir = dir;
	if (!dir)
		return vzr_fail_code(err, -ENOMEM, "%s", path);
	atomic_init(&dir->refs, 1);
	dir->to = -1;
	dir->path = strdup(path);
	dir->from = vzr_open_beneath(c->job->from_fd, *path ? path : ".", flags, 0);
	if (!dir->path || dir->from < 0)
		return vzr_fail_code(err, dir->path ? dir->from : -ENOMEM, "cannot open %s", path);
	dir->to = vzr_open_beneath(c->job->to_fd, *path ? path : ".", flags, 0);
	if (dir->to < 0)
		return vzr_fail_code(err, dir->to, "cannot open the new %s", path);
	if (fstat(dir->from, &dir->st) < 0)
		return vzr_fail_errno(err, "cannot look at %s", path);
	return 0;
}

/* The last one out gives the directory its attributes (unless the work ends anyway). */
static int dir_put(struct vzr_clone_worker *w, struct vzr_clone_dir *dir, struct vzr_error *err)
{
	int r = 0;

	if (!dir || atomic_fetch_sub(&dir->refs, 1) != 1)
		return 0;
	if (dir->to >= 0 && !atomic_load(&w->cloner->stop))
		r = vzr_clone_attributes(w, dir->from, &dir->st, dir->to, err);
	if (r < 0)
		r = vzr_wrap(err, r, "%s", *dir->path ? dir->path : ".");
	vzr_closep(&dir->from);
	vzr_closep(&dir->to);
	free(dir->path);
	free(dir);
	atomic_fetch_add_explicit(&w->cloner->inodes, 1, memory_order_relaxed);
	return r;
}

static int make_subdir(struct pool *pool, struct vzr_clone_dir *dir, const char *name,
		       struct vzr_error *err)
{
	struct task *task = calloc(1, sizeof(*task));

	if (!task || asprintf(&task->path, "%s%s%s", dir->path, *dir->path ? "/" : "", name) < 0) {
		free(task);
		return vzr_fail_code(err, -ENOMEM, "%s/%s", dir->path, name);
	}
	if (mkdirat(dir->to, name, 0700) < 0) {
		int r = vzr_fail_errno(err, "cannot make %s", task->path);

		task_free(task);
		return r;
	}
	push(pool, task);
	return 0;
}

static int do_batch(struct pool *pool, struct vzr_clone_worker *w, struct vzr_clone_dir *dir,
		    const struct vzr_listing *batch, struct vzr_error *err)
{
	for (size_t i = 0; i < batch->count; i++) {
		const struct vzr_listed *e = &batch->entries[i];
		int r = atomic_load_explicit(&w->cloner->stop, memory_order_relaxed) ? -ECANCELED
										     : 0;

		if (r == 0)
			r = e->type == DT_DIR
				    ? 1
				    : vzr_clone_entry(w, dir, e->type, vzr_listed_name(batch, e),
						      err);
		if (r == 1)
			r = make_subdir(pool, dir, vzr_listed_name(batch, e), err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Gives the names of @all from *at on (at most BATCH of them) to whoever takes them. */
static int give_away(struct pool *pool, struct vzr_clone_dir *dir, const struct vzr_listing *all,
		     size_t begin, size_t count, struct vzr_error *err)
{
	struct task *task = calloc(1, sizeof(*task));

	if (!task || vzr_listing_slice(all, begin, count, &task->batch) < 0) {
		free(task);
		return vzr_fail_code(err, -ENOMEM, "%s", dir->path);
	}
	atomic_fetch_add(&dir->refs, 1);
	task->dir = dir;
	push(pool, task);
	return 0;
}

static int do_names(struct pool *pool, struct vzr_clone_worker *w, struct vzr_clone_dir *dir,
		    const struct vzr_listing *all, struct vzr_error *err)
{
	size_t at = 0;
	int r = 0;

	while (r == 0 && at < all->count) {
		size_t count = all->count - at < BATCH ? all->count - at : BATCH;
		const struct vzr_listing part = { .entries = all->entries + at, .count = count,
						  .names = all->names };

		/* The last batch is one's own. */
		if (at + count < all->count && others_wait(pool))
			r = give_away(pool, dir, all, at, count, err);
		else
			r = do_batch(pool, w, dir, &part, err);
		at += count;
	}
	return r;
}

static int do_dir(struct pool *pool, struct vzr_clone_worker *w, const char *path,
		  struct vzr_error *err)
{
	struct vzr_clone_dir *dir;
	int r = dir_open(&pool->cloner, path, &dir, err), put;
	VZR_AUTO_CLOSEDIR DIR *stream = NULL;
	int more = 1;

	if (r == 0)
		r = vzr_listing_open(dir->from, &stream, err);
	while (r == 0 && more == 1) {
		VZR_AUTO_LISTING struct vzr_listing all = { 0 };

		more = vzr_listing_read(stream, &all, err);
		r = more < 0 ? more : do_names(pool, w, dir, &all, err);
	}
	if (r < 0)
		atomic_store(&pool->cloner.stop, true);
	put = dir_put(w, dir, r < 0 ? NULL : err);
	return r < 0 ? r : put;
}

static int do_task(struct pool *pool, struct vzr_clone_worker *w, struct task *task,
		   struct vzr_error *err)
{
	bool stop = atomic_load(&pool->cloner.stop);
	int r = 0, put;

	if (!task->dir)
		return stop ? 0 : do_dir(pool, w, task->path, err);
	if (!stop)
		r = do_batch(pool, w, task->dir, &task->batch, err);
	if (r < 0)
		atomic_store(&pool->cloner.stop, true);
	put = dir_put(w, task->dir, r < 0 ? NULL : err);
	return r < 0 ? r : put;
}

/* ---- threads ---- */

/* Capabilities belong to threads: with this one, limits would not hold for what is copied. */
static void drop_sys_resource(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &head, data) < 0)
		return;
	data[CAP_TO_INDEX(CAP_SYS_RESOURCE)].effective &= ~CAP_TO_MASK(CAP_SYS_RESOURCE);
	(void)syscall(SYS_capset, &head, data);
}

static void *work(void *data)
{
	struct pool *pool = data;
	struct vzr_clone_worker w = { .cloner = &pool->cloner };
	VZR_AUTO_FREE char *buffer = malloc(VZR_CLONE_BUFFER);
	struct task *task;

	w.buffer = buffer;
	drop_sys_resource();
	/* A file mode mask of this thread's own: saves a chmod for each file. */
	w.masked = unshare(CLONE_FS) == 0;
	if (w.masked)
		umask(0);
	while ((task = pop(pool))) {
		struct vzr_error err = VZR_ERROR_INIT;
		int r = buffer ? do_task(pool, &w, task, &err)
			       : vzr_fail_code(&err, -ENOMEM, "cannot copy");

		task_free(task);
		finished(pool, r, &err);
	}
	return NULL;
}

static unsigned int count_writers(unsigned int asked)
{
	long n;

	if (asked)
		return asked < MAX_WRITERS ? asked : MAX_WRITERS;
	/* A cold page cache keeps half of them waiting for the disk; warm, more do no harm. */
	n = 2 * sysconf(_SC_NPROCESSORS_ONLN);
	if (n < MIN_CHOSEN_WRITERS)
		return MIN_CHOSEN_WRITERS;
	return n > MAX_CHOSEN_WRITERS ? MAX_CHOSEN_WRITERS : (unsigned int)n;
}

/* Signals are the caller's: a thread that ran its handlers would be one it knows nothing of. */
static unsigned int start(struct pool *pool, pthread_t *threads, unsigned int want)
{
	sigset_t all, old;
	unsigned int n = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (n < want && pthread_create(&threads[n], NULL, work, pool) == 0)
		n++;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return n;
}

/* In the caller's thread, which alone may send events: waits, and takes a cancellation. */
static void watch(struct pool *pool)
{
	struct vzr_cloner *c = &pool->cloner;

	pthread_mutex_lock(&pool->lock);
	while (pool->unfinished > 0) {
		struct vzr_error err = VZR_ERROR_INIT;
		struct timespec until;
		int r;

		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += WATCH_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		if (pthread_cond_timedwait(&pool->ended, &pool->lock, &until) == 0)
			continue;
		pthread_mutex_unlock(&pool->lock);
		vzr_progress(c->job->ctx, "area", atomic_load(&c->bytes), c->job->total_bytes);
		r = vzr_cancelled(c->job->ctx, &err);
		pthread_mutex_lock(&pool->lock);
		if (r < 0 && pool->code == 0) {
			pool->code = r;
			pool->error = err;
			atomic_store(&c->stop, true);
		}
	}
	pool->end = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
}

static int run(struct pool *pool, struct vzr_error *err)
{
	pthread_t threads[MAX_WRITERS];
	struct task *root = calloc(1, sizeof(*root));
	unsigned int n;

	if (root)
		root->path = strdup("");
	if (!root || !root->path) {
		free(root);
		return vzr_fail_code(err, -ENOMEM, "cannot copy the tree");
	}
	push(pool, root);
	n = start(pool, threads, count_writers(pool->cloner.job->writers));
	if (n == 0) {
		task_free(root);
		return vzr_fail_code(err, -EAGAIN, "cannot start a thread");
	}
	watch(pool);
	while (n > 0)
		pthread_join(threads[--n], NULL);
	if (pool->code < 0 && err)
		*err = pool->error;
	return pool->code;
}

static void pool_init(struct pool *pool)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	pthread_cond_init(&pool->ended, &attr);
	pthread_condattr_destroy(&attr);
}

static void pool_done(struct pool *pool)
{
	vzr_links_free(pool->cloner.links);
	pthread_cond_destroy(&pool->ended);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
}

int vzr_clone_tree(const struct vzr_clone_job *job, struct vzr_clone_count *ret_count,
		   struct vzr_error *err)
{
	struct pool pool = { .cloner = { .job = job, .uid = geteuid(), .gid = getegid() } };
	int r = vzr_cancelled(job->ctx, err);

	if (r < 0)
		return r;
	r = vzr_links_new(&pool.cloner.links);
	if (r < 0)
		return vzr_fail_code(err, r, "cannot copy the tree");
	pool_init(&pool);
	r = vzr_clone_clean_root(job->to_fd, pool.cloner.uid, pool.cloner.gid, err);
	if (r == 0)
		r = run(&pool, err);
	if (r == 0)
		*ret_count = (struct vzr_clone_count){ atomic_load(&pool.cloner.inodes),
						       atomic_load(&pool.cloner.bytes) };
	pool_done(&pool);
	return r < 0 ? vzr_wrap(err, r, "cannot copy %s", job->label) : 0;
}
