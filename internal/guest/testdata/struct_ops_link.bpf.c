#include "congestion.h"

SEC(".struct_ops.link")
struct tcp_congestion_ops skep_test = CONGESTION;
