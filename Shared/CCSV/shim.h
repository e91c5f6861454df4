#pragma once
#include <csv.h>
#include <iconv.h>
