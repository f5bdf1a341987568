#include "congestion.h"

SEC(".struct_ops")
struct tcp_congestion_ops skep_test = CONGESTION;
