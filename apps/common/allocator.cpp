// What jemalloc does in the programs that run for long (jemalloc(3), "TUNING"): it reads this symbol when it starts.
// With glibc's allocator an agent that had published 200,000 files kept twice as much memory as it used.

// Two arenas, since there are few threads; unused pages go back to the system by and by, on a thread of their own.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "narenas:2,background_thread:true";
}
