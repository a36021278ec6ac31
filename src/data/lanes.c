// SPDX-License-Identifier: MIT
/* The lanes of a session: how many, their memory, their threads, their end. */
#include "data/lane.h"

#include <errno.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "util/log.h"

/* All requests together, whatever the number of CPUs, unless the user wants more of them. */
#define LANES_MEMORY_BYTES (48 * MIB)
/* Of a queue of fuse-uring, as long as there are not too many queues. */
#define QUEUE_REQUESTS 4u

/* Of one request: the transport's headroom, the buffer, the edge. */
static size_t request_bytes(const struct lanes *lanes)
{
	return lanes->transport->headroom_bytes + lanes->payload_bytes + REQUEST_WIDENED_BYTES +
	       REQUEST_EDGE_BYTES;
}

/* NULL if there is not so much memory. */
static char *arena_make(size_t bytes)
{
	char *arena = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (arena == MAP_FAILED)
		return NULL;
	/* Plaintext of encrypted volumes passes through it. */
	madvise(arena, bytes, MADV_DONTDUMP);
	/* The kernel looks its pages up for every payload it copies. */
	madvise(arena, bytes, MADV_HUGEPAGE);
	/* Now, not at the first request. What is refused here, comes with the first touch. */
	madvise(arena, bytes, MADV_POPULATE_WRITE);
	return arena;
}

static int lane_init(struct lane *lane, struct lanes *lanes, unsigned number)
{
	size_t bytes = request_bytes(lanes);

	lane->lanes = lanes;
	lane->engine = lanes->engine;
	lane->transport = lanes->transport;
	lane->number = number;
	lane->depth = lanes->depth;
	pthread_mutex_init(&lane->inbox_mutex, NULL);
	lane->inbox_fd = eventfd(0, EFD_CLOEXEC);
	lane->requests = calloc(lane->depth, sizeof(*lane->requests));
	lane->arena_bytes = bytes * lane->depth;
	lane->arena = arena_make(lane->arena_bytes);
	if (!lane->arena || !lane->requests || lane->inbox_fd < 0)
		return -ENOMEM;
	lanes->memory_locked &= mlock(lane->arena, lane->arena_bytes) == 0;
	for (unsigned i = 0; i < lane->depth; i++) {
		struct request *request = &lane->requests[i];

		request->lane = lane;
		request->buffer = lane->arena + i * bytes + lanes->transport->headroom_bytes;
		request->edge = request->buffer + lanes->payload_bytes + REQUEST_WIDENED_BYTES;
		request->next = lane->free;
		lane->free = request;
	}
	return 0;
}

static void lane_destroy(struct lane *lane)
{
	if (lane->start_result == 0 && lane->number < lane->lanes->running)
		lane->transport->stop(lane);
	if (lane->arena)
		munmap(lane->arena, lane->arena_bytes);
	if (lane->inbox_fd >= 0)
		close(lane->inbox_fd);
	free(lane->requests);
	pthread_mutex_destroy(&lane->inbox_mutex);
}

static int lane_start(struct lane *lane)
{
	int r = lane->engine->start(lane);

	if (r < 0)
		return r;
	r = lane->transport->start(lane);
	if (r < 0)
		lane->engine->stop(lane);
	return r;
}

static uint64_t lanes_served(struct lanes *lanes)
{
	uint64_t served = 0;

	for (unsigned i = 0; i < lanes->running; i++)
		served += atomic_load_explicit(&lanes->lanes[i].served, memory_order_relaxed);
	return served;
}

static void lane_place(struct lane *lane, unsigned way, int cpu)
{
	cpu_set_t place = lane->anywhere;

	lane->place_way = way;
	lane->place_cpu = cpu;
	/* Whoever started the daemon may have kept it off that CPU. */
	if (!CPU_ISSET(cpu, &lane->anywhere))
		return;
	if (way & PACE_STAY)
		CPU_ZERO(&place);
	if (way & PACE_STAY)
		CPU_SET(cpu, &place);
	else if (way != PACE_REST)
		CPU_CLR(cpu, &place);
	sched_setaffinity(0, sizeof(place), &place);
}

static void lane_pace(struct lane *lane)
{
	struct pace *pace = &lane->lanes->pace;
	uint64_t now = now_ns();
	unsigned way;

	if (pace_due(pace, now))
		pace_step(pace, now, lanes_served(lane->lanes));
	way = pace->way & ~PACE_SPIN;
	if (lane->cpu >= 0 &&
	    (way != lane->place_way || (way != PACE_REST && lane->cpu != lane->place_cpu)))
		lane_place(lane, way, lane->cpu);
}

static void lane_serve(struct lane *lane)
{
	for (;;) {
		lane_pace(lane);
		lane->transport->receive(lane);
		if (lane->lanes->leaving || (lane->ended && lane->busy == 0))
			break;
		lane->engine->wait(lane);
	}
}

static void *lane_run(void *data)
{
	struct lane *lane = data;
	char name[16];
	int r;

	snprintf(name, sizeof(name), "lane-%u", lane->number);
	pthread_setname_np(pthread_self(), name);
	log_keep();
	lane->cpu = -1;
	lane->place_way = PACE_REST;
	/* Empty if there are more CPUs than it has room for: then the lane is not moved. */
	if (sched_getaffinity(0, sizeof(lane->anywhere), &lane->anywhere) < 0)
		CPU_ZERO(&lane->anywhere);
	r = lane->start_result = lane_start(lane);
	sem_post(&lane->lanes->started);
	if (r == 0) {
		lane_serve(lane);
		lane->engine->stop(lane);
	}
	return NULL;
}

/*
 * A queue for each CPU, and some requests for each queue: a slow one keeps its place there. The
 * payload gives way.
 */
static void plan_queues(struct lanes *lanes, unsigned possible, unsigned online)
{
	uint64_t queues, least;

	lanes->queues = possible;
	if (lanes->count == 0)
		lanes->count = (unsigned)min_u64(online, LANES_DEFAULT);
	lanes->count = (unsigned)min_u64(lanes->count, possible);
	/* The first lanes have a queue more than the last where the CPUs do not divide. */
	queues = (possible + lanes->count - 1) / lanes->count;
	least = max_u64(queues,
			min_u64(QUEUE_REQUESTS * queues, LANES_REQUESTS_LIMIT / lanes->count));
	if (lanes->depth == 0)
		lanes->depth = (unsigned)max_u64(LANES_REQUESTS_DEFAULT / lanes->count, least);
	lanes->depth = (unsigned)max_u64(lanes->depth, queues);
}

static void plan_lanes(struct lanes *lanes, unsigned online)
{
	if (lanes->engine->deep) {
		if (lanes->count == 0)
			lanes->count = (unsigned)min_u64(online, LANES_DEFAULT);
		if (lanes->depth == 0)
			lanes->depth = (unsigned)max_u64(LANES_REQUESTS_DEFAULT / lanes->count, 1);
		return;
	}
	/* A lane for each request: as many are in flight as with lanes that have several. */
	if (lanes->count == 0)
		lanes->count = lanes->depth ? 1 : LANES_REQUESTS_DEFAULT / 2;
	lanes->count *= lanes->depth ? lanes->depth : 1;
	lanes->depth = 1;
}

int lanes_plan(struct lanes *lanes, unsigned possible, unsigned online)
{
	uint64_t requests, wanted = lanes->depth;

	wanted *= lanes->count ? lanes->count : min_u64(online, LANES_DEFAULT);
	if (lanes->transport->whole)
		plan_queues(lanes, possible, online);
	else
		plan_lanes(lanes, online);
	requests = (uint64_t)lanes->count * lanes->depth;
	if (requests > LANES_REQUESTS_LIMIT)
		return -EINVAL;
	lanes->leaving = false;
	pace_init(&lanes->pace, lanes->transport->commands);
	lanes->payload_bytes = REQUEST_PAYLOAD_BYTES;
	/* Who asks for more of them gets them whole. */
	if (requests > wanted && requests > LANES_REQUESTS_DEFAULT)
		lanes->payload_bytes = max_u64(
			round_down(LANES_MEMORY_BYTES / requests, LANES_PAYLOAD_LEAST_BYTES),
			LANES_PAYLOAD_LEAST_BYTES);
	return 0;
}

static int lanes_init(struct lanes *lanes)
{
	lanes->lanes = calloc(lanes->count, sizeof(*lanes->lanes));
	if (!lanes->lanes)
		return -ENOMEM;
	lanes->memory_bytes = (uint64_t)lanes->count * lanes->depth *
			      (request_bytes(lanes) + sizeof(struct request));
	lanes->memory_locked = true;
	for (unsigned i = 0; i < lanes->count; i++)
		lanes->lanes[i].inbox_fd = -1;
	for (unsigned i = 0; i < lanes->count; i++) {
		int r = lane_init(&lanes->lanes[i], lanes, i);

		if (r < 0)
			return r;
	}
	return 0;
}

void lanes_destroy(struct lanes *lanes)
{
	/* A start that failed has done it. */
	if (!lanes->lanes)
		return;
	for (unsigned i = 0; i < lanes->count; i++)
		lane_destroy(&lanes->lanes[i]);
	free(lanes->lanes);
	lanes->lanes = NULL;
	sem_destroy(&lanes->started);
}

/* Returns when the lane serves, or has failed to start. */
static int lane_create(struct lane *lane)
{
	pthread_attr_t attributes;
	int r;

	/* A lane needs little stack, and all of it may be locked in memory. */
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 256 * KIB);
	r = -pthread_create(&lane->thread, &attributes, lane_run, lane);
	pthread_attr_destroy(&attributes);
	if (r < 0)
		return r;
	while (sem_wait(&lane->lanes->started) < 0)
		;
	if (lane->start_result < 0)
		pthread_join(lane->thread, NULL);
	return lane->start_result;
}

int lanes_start(struct lanes *lanes)
{
	int r;

	sem_init(&lanes->started, 0, 0);
	r = lanes_init(lanes);
	for (lanes->running = 0; r == 0 && lanes->running < lanes->count; lanes->running += r == 0)
		r = lane_create(&lanes->lanes[lanes->running]);
	/* Those that run already serve, and every lane can do all there is to do. */
	if (lanes->running > 0 && (r == 0 || !lanes->transport->whole))
		return 0;
	if (lanes->running > 0)
		return r;
	lanes_destroy(lanes);
	return r;
}

void lanes_leave(struct lanes *lanes)
{
	lanes->leaving = true;
	for (unsigned i = 0; i < lanes->running; i++)
		lane_wake(&lanes->lanes[i]);
}

void lanes_end(struct lane *lane)
{
	struct lanes *lanes = lane->lanes;

	if (atomic_exchange(&lanes->ended, true))
		return;
	for (unsigned i = 0; i < lanes->count; i++)
		if (&lanes->lanes[i] != lane)
			lane_wake(&lanes->lanes[i]);
}

void lanes_join(struct lanes *lanes)
{
	for (unsigned i = 0; i < lanes->running; i++)
		pthread_join(lanes->lanes[i].thread, NULL);
}
