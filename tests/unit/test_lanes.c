// SPDX-License-Identifier: MIT
#include "scratch.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "data/lane.h"

static void plan(struct lanes *lanes, const struct engine *engine,
		 const struct transport *transport, unsigned cpus)
{
	*lanes = (struct lanes){.engine = engine, .transport = transport};
	assert_int_equal(lanes_plan(lanes, cpus, cpus), 0);
}

static uint64_t memory(const struct lanes *lanes)
{
	return (uint64_t)lanes->count * lanes->depth *
	       (lanes->transport->headroom_bytes + lanes->payload_bytes + REQUEST_WIDENED_BYTES +
		REQUEST_EDGE_BYTES);
}

/* Whatever the number of CPUs, up to what LANES_REQUESTS_LIMIT has queues for. */
static void test_memory_is_bounded(void **state)
{
	static const unsigned cpus[] = {1, 2, 3, 4, 7, 8, 16, 48, 49, 64, 96, 128, 255, 512, 1000};
	struct lanes lanes;

	for (size_t i = 0; i < ARRAY_LENGTH(cpus); i++) {
		plan(&lanes, &engine_uring, &transport_dev, cpus[i]);
		assert_in_range(memory(&lanes), 1, 64 * MIB);
		plan(&lanes, &engine_threads, &transport_dev, cpus[i]);
		assert_in_range(memory(&lanes), 1, 64 * MIB);
		plan(&lanes, &engine_uring, &transport_uring, cpus[i]);
		assert_in_range(memory(&lanes), 1, 64 * MIB);
		assert_true(lanes.payload_bytes >= LANES_PAYLOAD_LEAST_BYTES);
	}
}

/* The kernel serves nothing before each of its queues has a request. */
static void test_every_queue_is_served(void **state)
{
	for (unsigned cpus = 1; cpus <= 1000; cpus++) {
		for (unsigned wanted = 0; wanted < 20; wanted++) {
			struct lanes lanes = {.engine = &engine_uring,
					      .transport = &transport_uring,
					      .count = wanted};

			assert_int_equal(lanes_plan(&lanes, cpus, cpus), 0);
			assert_int_equal(lanes.queues, cpus);
			assert_in_range(lanes.count, 1, cpus);
			/* Lane 0 has the most queues. */
			assert_true(lanes.depth * lanes.count >= cpus);
			assert_true(lanes.depth >= (cpus + lanes.count - 1) / lanes.count);
		}
	}
}

static void test_few_cpus_large_payloads(void **state)
{
	struct lanes lanes;

	plan(&lanes, &engine_uring, &transport_uring, 2);
	assert_int_equal(lanes.count, 2);
	assert_int_equal(lanes.depth, 24);
	assert_int_equal(lanes.payload_bytes, REQUEST_PAYLOAD_BYTES);
	plan(&lanes, &engine_uring, &transport_uring, 256);
	/* Four for each of 32 queues. */
	assert_int_equal(lanes.count, 8);
	assert_int_equal(lanes.depth, 128);
	assert_int_equal(lanes.payload_bytes, 32 * KIB);
	/* A small depth does not make 256 requests of 1 MiB. */
	lanes = (struct lanes){.engine = &engine_uring, .transport = &transport_uring, .depth = 1};
	assert_int_equal(lanes_plan(&lanes, 256, 256), 0);
	assert_in_range(memory(&lanes), 1, 64 * MIB);
}

/* A machine that may get more CPUs: queues for all of them, lanes for those that are there. */
static void test_few_cpus_online(void **state)
{
	struct lanes lanes = {.engine = &engine_uring, .transport = &transport_uring};

	assert_int_equal(lanes_plan(&lanes, 128, 2), 0);
	assert_int_equal(lanes.queues, 128);
	assert_int_equal(lanes.count, 2);
	assert_in_range(memory(&lanes), 1, 64 * MIB);
	lanes = (struct lanes){.engine = &engine_uring, .transport = &transport_dev};
	assert_int_equal(lanes_plan(&lanes, 128, 2), 0);
	assert_int_equal(lanes.count, 2);
	assert_int_equal(lanes.depth, 24);
}

/* What docs/data-path.md says. */
static void test_payloads(void **state)
{
	struct lanes lanes;

	plan(&lanes, &engine_uring, &transport_uring, 8);
	assert_int_equal(lanes.payload_bytes, 1 * MIB);
	plan(&lanes, &engine_uring, &transport_uring, 64);
	assert_int_equal(lanes.payload_bytes, 192 * KIB);
}

static void test_too_many(void **state)
{
	struct lanes lanes = {
		.engine = &engine_uring, .transport = &transport_dev, .count = 1000, .depth = 1000};

	assert_int_equal(lanes_plan(&lanes, 2, 2), -EINVAL);
}

/* One that has given all its requests away has none that could fail. */
static void test_the_end_reaches_every_lane(void **state)
{
	struct lane lane[2] = {0};
	struct lanes lanes = {.transport = &transport_uring, .lanes = lane, .count = 2};
	uint64_t woken;

	for (unsigned i = 0; i < 2; i++) {
		lane[i].lanes = &lanes;
		lane[i].inbox_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	}
	transport_uring.receive(&lane[1]);
	assert_false(lane[1].ended);
	lanes_end(&lane[0]);
	assert_int_equal(read(lane[1].inbox_fd, &woken, sizeof(woken)), sizeof(woken));
	transport_uring.receive(&lane[1]);
	assert_true(lane[1].ended);
	for (unsigned i = 0; i < 2; i++)
		close(lane[i].inbox_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_is_bounded),
		cmocka_unit_test(test_every_queue_is_served),
		cmocka_unit_test(test_few_cpus_large_payloads),
		cmocka_unit_test(test_few_cpus_online),
		cmocka_unit_test(test_payloads),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_the_end_reaches_every_lane),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
