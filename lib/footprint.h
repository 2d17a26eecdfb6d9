/* lib/footprint.h: what the process holds of the machine's memory, kept small. For a program that
 * starts, reads a cluster's worth of objects, and then waits for months.
 *
 * Nothing here changes what the program computes; each function may be left out.
 */
#pragma once

/* Before any other thread begins: one heap for all of them. Those of glibc are one for each thread
 * that allocates, and what a thread's heap has taken it keeps; ours are a loop and a few helpers
 * that never wait for each other long. Big blocks go back to the system when they are freed. */
void footprint_one_heap(void);

/* Gives back the pages that freed memory left empty; a few milliseconds where much was freed. For
 * when a burst of work, or the first lists, have ended. */
void footprint_trim(void);

/* Lets go of the pages of code and constants that the start alone has touched: those of three
 * dozen libraries, most of which libcurl brings along and nobody calls again. They are clean, in
 * the page cache, and what is called again comes back by a minor fault. */
void footprint_forget_start(void);
