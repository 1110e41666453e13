/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A pool of threads that are fed with pieces of files. */
#include "engine/unpack/crew.h"

#include "engine/base/cleanup.h"
#include "engine/unpack/file.h"
#include "engine/unpack/text.h"

#include <pthread.h>
#include <string.h>

#define STACK_SIZE (256u << 10)
#define WAKE_AT 4 /* pieces that a sleeping writer is woken for: less is not worth the switch */

/* A file under way. Between hand-over and return only its writer looks at it. */
struct file {
	struct file *next; /* among those that are free or returned */
	struct vzr_member *member;
	int fd;	      /* -1: closed */
	uint64_t at;  /* number of the member */
	uint64_t end; /* where the last byte lies */
	bool time_lost;
	char name[VZR_BRIEF];
};

/* Bytes of a file, or (last) the order to finish it, or both. */
struct piece {
	struct piece *next; /* in a queue, or among those that are free or returned */
	struct file *file;
	unsigned char *data;
	size_t len;
	uint64_t offset;
	bool last;
};

struct writer {
	struct vzr_crew *crew;
	pthread_t thread;
	pthread_cond_t wake;
	/* Under the crew's lock. */
	struct piece *first, **tail;
	unsigned int queued; /* handed over and not returned */
	bool asleep;
};

struct vzr_crew {
	struct vzr_left_out *left_out;
	unsigned int n_writers;
	unsigned int n_started;
	struct writer writers[VZR_CREW_MAX];
	struct file files[VZR_CREW_FILES];
	struct piece pieces[VZR_CREW_PIECES];

	/* The parser's. */
	struct file *free_files;
	struct piece *free_pieces;
	struct file *file;     /* the one that began */
	struct piece *piece;   /* being filled for it */
	struct writer *writer; /* whose it is */
	int start_code;	       /* < 0: the threads could not be started */

	pthread_mutex_t lock;
	pthread_cond_t returned;
	/* Under the lock. */
	struct file *back_files; /* finished */
	struct piece *back_pieces;
	bool waiting; /* the parser, for something to come back */
	bool stop;
	uint64_t failed_at; /* number of the first member that failed; UINT64_MAX: none */
	struct vzr_error error;
};

/* ---- the writers' side ---- */

static void fail_file(struct vzr_crew *crew, struct file *file, int code, struct vzr_error *error)
{
	error->code = code;
	code = vzr_wrap(error, code, "member '%s'", file->name);
	pthread_mutex_lock(&crew->lock);
	if (file->at < crew->failed_at) {
		crew->failed_at = file->at;
		crew->error = *error;
	}
	pthread_mutex_unlock(&crew->lock);
	if (file->fd >= 0)
		close(vzr_take_fd(file->fd));
}

static void work_on(struct vzr_crew *crew, struct piece *piece)
{
	struct file *file = piece->file;
	struct vzr_error error = VZR_ERROR_INIT;
	int r = 0;

	if (file->fd < 0)
		return; /* it has failed */
	if (piece->len > 0) {
		r = vzr_file_write(file->fd, piece->data, piece->len, piece->offset, &error);
		file->end = piece->offset + piece->len;
	}
	if (r == 0 && piece->last) {
		r = vzr_file_finish(vzr_take_fd(file->fd), file->member, file->end, &error);
		file->time_lost = r > 0;
	}
	if (r < 0)
		fail_file(crew, file, r, &error);
}

/* Gives the pieces of a chain back, and the files that ended with one of them. */
static void give_back(struct writer *writer, struct piece *first)
{
	struct vzr_crew *crew = writer->crew;
	struct piece **end = &first;

	for (; *end; end = &(*end)->next) {
		writer->queued--;
		if ((*end)->last) {
			(*end)->file->next = crew->back_files;
			crew->back_files = (*end)->file;
		}
	}
	*end = crew->back_pieces;
	crew->back_pieces = first;
	if (crew->waiting)
		pthread_cond_signal(&crew->returned);
}

static void *run(void *arg)
{
	struct writer *writer = arg;
	struct vzr_crew *crew = writer->crew;

	pthread_mutex_lock(&crew->lock);
	for (;;) {
		struct piece *first;

		while (!writer->first && !crew->stop) {
			writer->asleep = true;
			pthread_cond_wait(&writer->wake, &crew->lock);
			writer->asleep = false;
		}
		if (crew->stop)
			break;
		first = writer->first;
		writer->first = NULL;
		writer->tail = &writer->first;
		pthread_mutex_unlock(&crew->lock);
		for (struct piece *p = first; p; p = p->next)
			work_on(crew, p);
		pthread_mutex_lock(&crew->lock);
		give_back(writer, first);
	}
	pthread_mutex_unlock(&crew->lock);
	return NULL;
}

/* ---- the parser's side ---- */

static int start(struct vzr_crew *crew, struct vzr_error *err)
{
	pthread_attr_t attr;
	int r = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	while (r == 0 && crew->n_started < crew->n_writers) {
		struct writer *writer = &crew->writers[crew->n_started];

		r = pthread_create(&writer->thread, &attr, run, writer);
		crew->n_started += r == 0;
	}
	pthread_attr_destroy(&attr);
	/* Fewer than asked for do as well. */
	return crew->n_started ? 0 : vzr_fail_code(err, -r, "cannot start a thread");
}

/* What came back becomes free again. Called with the lock held. */
static void take_back(struct vzr_crew *crew)
{
	struct file *file = crew->back_files;

	if (crew->back_pieces) {
		struct piece **end = &crew->back_pieces;

		while (*end)
			end = &(*end)->next;
		*end = crew->free_pieces;
		crew->free_pieces = vzr_take_ptr(crew->back_pieces);
	}
	crew->back_files = NULL;
	while (file) {
		struct file *next = file->next;

		if (file->time_lost)
			vzr_left_out_add_at(crew->left_out, VZR_LEFT_TIME, file->member->path,
					    file->at);
		vzr_member_reset(file->member);
		file->next = crew->free_files;
		crew->free_files = file;
		file = next;
	}
}

static void wake_all(struct vzr_crew *crew)
{
	for (unsigned int i = 0; i < crew->n_started; i++)
		if (crew->writers[i].first && crew->writers[i].asleep)
			pthread_cond_signal(&crew->writers[i].wake);
}

static unsigned int count_queued(const struct vzr_crew *crew)
{
	unsigned int queued = 0;

	for (unsigned int i = 0; i < crew->n_started; i++)
		queued += crew->writers[i].queued;
	return queued;
}

/* Waits for something to come back. Called with the lock held. */
static void wait_for_return(struct vzr_crew *crew)
{
	wake_all(crew);
	crew->waiting = true;
	pthread_cond_wait(&crew->returned, &crew->lock);
	crew->waiting = false;
	take_back(crew);
}

static struct file *get_file(struct vzr_crew *crew)
{
	struct file *file;

	if (!crew->free_files) {
		pthread_mutex_lock(&crew->lock);
		take_back(crew);
		while (!crew->free_files)
			wait_for_return(crew);
		pthread_mutex_unlock(&crew->lock);
	}
	file = crew->free_files;
	crew->free_files = file->next;
	return file;
}

static struct piece *get_piece(struct vzr_crew *crew)
{
	struct piece *piece;

	if (!crew->free_pieces) {
		pthread_mutex_lock(&crew->lock);
		take_back(crew);
		while (!crew->free_pieces)
			wait_for_return(crew);
		pthread_mutex_unlock(&crew->lock);
	}
	piece = crew->free_pieces;
	crew->free_pieces = piece->next;
	piece->file = crew->file;
	piece->len = 0;
	piece->offset = 0;
	piece->last = false;
	return piece;
}

static void put_back_piece(struct vzr_crew *crew, struct piece *piece)
{
	piece->next = crew->free_pieces;
	crew->free_pieces = piece;
}

/* The writer with the least to do; its pieces are taken in the order they come. */
static struct writer *least_busy(struct vzr_crew *crew)
{
	struct writer *best = &crew->writers[0];

	for (unsigned int i = 1; i < crew->n_started; i++)
		if (crew->writers[i].queued < best->queued)
			best = &crew->writers[i];
	return best;
}

static void hand_over(struct vzr_crew *crew)
{
	struct piece *piece = vzr_take_ptr(crew->piece);
	struct writer *writer;

	piece->next = NULL;
	pthread_mutex_lock(&crew->lock);
	if (!crew->writer)
		crew->writer = least_busy(crew);
	writer = crew->writer;
	*writer->tail = piece;
	writer->tail = &piece->next;
	writer->queued++;
	if (writer->asleep && writer->queued >= WAKE_AT)
		pthread_cond_signal(&writer->wake);
	pthread_mutex_unlock(&crew->lock);
}

int vzr_crew_begin(struct vzr_crew *crew, int fd, const char *name, struct vzr_error *err)
{
	struct file *file;
	bool failed;
	int r = crew->n_started ? 0 : start(crew, err);

	if (r == 0) {
		pthread_mutex_lock(&crew->lock);
		failed = crew->failed_at != UINT64_MAX;
		pthread_mutex_unlock(&crew->lock);
		if (failed)
			r = vzr_crew_drain(crew, err);
	}
	if (r < 0) {
		close(fd);
		return r;
	}
	file = get_file(crew);
	file->fd = fd;
	file->at = crew->left_out->member;
	file->end = 0;
	file->time_lost = false;
	snprintf(file->name, sizeof(file->name), "%s", name);
	crew->file = file;
	crew->writer = NULL;
	return 0;
}

void vzr_crew_data(struct vzr_crew *crew, const void *data, size_t len, uint64_t offset)
{
	const unsigned char *p = data;

	while (len > 0) {
		struct piece *piece = crew->piece;
		size_t n;

		if (piece &&
		    (piece->len == VZR_CREW_PIECE || piece->offset + piece->len != offset)) {
			hand_over(crew);
			piece = NULL;
		}
		if (!piece) {
			piece = crew->piece = get_piece(crew);
			piece->offset = offset;
		}
		n = VZR_CREW_PIECE - piece->len < len ? VZR_CREW_PIECE - piece->len : len;
		memcpy(piece->data + piece->len, p, n);
		piece->len += n;
		p += n;
		len -= n;
		offset += n;
	}
}

void vzr_crew_end(struct vzr_crew *crew, struct vzr_member **member)
{
	struct vzr_member *spare = crew->file->member;

	crew->file->member = *member;
	*member = spare;
	if (!crew->piece)
		crew->piece = get_piece(crew);
	crew->piece->last = true;
	hand_over(crew);
	crew->file = NULL;
}

/* A file that was begun and never ended: its pieces come back, then nobody has it any more. */
static void drop_file(struct vzr_crew *crew)
{
	struct file *file = vzr_take_ptr(crew->file);

	if (!file)
		return;
	if (file->fd >= 0)
		close(vzr_take_fd(file->fd));
	file->next = crew->free_files;
	crew->free_files = file;
}

int vzr_crew_drain(struct vzr_crew *crew, struct vzr_error *err)
{
	int r = 0;

	if (crew->piece)
		put_back_piece(crew, vzr_take_ptr(crew->piece));
	pthread_mutex_lock(&crew->lock);
	while (count_queued(crew) > 0)
		wait_for_return(crew);
	take_back(crew);
	if (crew->failed_at != UINT64_MAX) {
		r = crew->error.code;
		if (err)
			*err = crew->error;
	}
	pthread_mutex_unlock(&crew->lock);
	drop_file(crew);
	return r;
}

/* ---- life ---- */

static int make_buffers(struct vzr_crew *crew)
{
	for (size_t i = 0; i < VZR_CREW_FILES; i++) {
		crew->files[i].fd = -1;
		crew->files[i].member = calloc(1, sizeof(*crew->files[i].member));
		if (!crew->files[i].member)
			return -ENOMEM;
		crew->files[i].next = crew->free_files;
		crew->free_files = &crew->files[i];
	}
	for (size_t i = 0; i < VZR_CREW_PIECES; i++) {
		crew->pieces[i].data = malloc(VZR_CREW_PIECE);
		if (!crew->pieces[i].data)
			return -ENOMEM;
		put_back_piece(crew, &crew->pieces[i]);
	}
	return 0;
}

int vzr_crew_new(unsigned int writers, struct vzr_left_out *left_out, struct vzr_crew **ret_crew,
		 struct vzr_error *err)
{
	struct vzr_crew *crew = calloc(1, sizeof(*crew));

	if (!crew)
		return vzr_fail_code(err, -ENOMEM, "cannot set up the unpacking");
	crew->left_out = left_out;
	crew->n_writers = writers < VZR_CREW_MAX ? writers : VZR_CREW_MAX;
	crew->failed_at = UINT64_MAX;
	pthread_mutex_init(&crew->lock, NULL);
	pthread_cond_init(&crew->returned, NULL);
	for (unsigned int i = 0; i < VZR_CREW_MAX; i++) {
		crew->writers[i].crew = crew;
		crew->writers[i].tail = &crew->writers[i].first;
		pthread_cond_init(&crew->writers[i].wake, NULL);
	}
	if (make_buffers(crew) < 0) {
		vzr_crew_free(crew);
		return vzr_fail_code(err, -ENOMEM, "cannot set up the unpacking");
	}
	*ret_crew = crew;
	return 0;
}

static void stop(struct vzr_crew *crew)
{
	pthread_mutex_lock(&crew->lock);
	crew->stop = true;
	for (unsigned int i = 0; i < crew->n_started; i++)
		pthread_cond_signal(&crew->writers[i].wake);
	pthread_mutex_unlock(&crew->lock);
	for (unsigned int i = 0; i < crew->n_started; i++)
		pthread_join(crew->writers[i].thread, NULL);
}

void vzr_crew_free(struct vzr_crew *crew)
{
	if (!crew)
		return;
	stop(crew);
	for (size_t i = 0; i < VZR_CREW_FILES; i++) {
		if (crew->files[i].fd >= 0)
			close(crew->files[i].fd);
		if (crew->files[i].member)
			vzr_member_reset(crew->files[i].member);
		free(crew->files[i].member);
	}
	for (size_t i = 0; i < VZR_CREW_PIECES; i++)
		free(crew->pieces[i].data);
	for (unsigned int i = 0; i < VZR_CREW_MAX; i++)
		pthread_cond_destroy(&crew->writers[i].wake);
	pthread_cond_destroy(&crew->returned);
	pthread_mutex_destroy(&crew->lock);
	free(crew);
}
