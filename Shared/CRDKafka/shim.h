#pragma once
#include <librdkafka/rdkafka.h>
#include <sys/eventfd.h>
