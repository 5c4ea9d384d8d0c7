/* A memory reserve for SentencePiece, used when memory runs out while it works.
 *
 * Its message classes (protobuf) crash when std::bad_alloc passes through them, and its training threads end the
 * program. The reserve is released at the first request that fails, which then succeeds; until it is refilled, further
 * failures throw std::bad_alloc as usual. If nobody can catch it, the program ends after calling before_abort. */
#pragma once

#include <atomic>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <new>

/* While one lives, there is a reserve of at least its bytes. It is global to the program, like the new-handler. */
class MemoryReserve {
  public:
    explicit MemoryReserve(size_t bytes) {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (bytes > bytes_) {
            std::free(kept_.exchange(nullptr));
            bytes_ = bytes;
        }
        keep();
        if (users_++ > 0) return;
        before_ = std::set_new_handler(give);
        ending_before_ = std::set_terminate(end);
    }
    ~MemoryReserve() {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (--users_ > 0) return;
        std::set_new_handler(before_);
        std::set_terminate(ending_before_);
        std::free(kept_.exchange(nullptr));
        bytes_ = 0;
    }
    MemoryReserve(const MemoryReserve &) = delete;
    MemoryReserve &operator=(const MemoryReserve &) = delete;

    /* std::bad_alloc if it was released and cannot be refilled. */
    static void fill() {
        if (kept_.load()) return;
        const std::lock_guard<std::mutex> lock(mutex_);
        keep();
    }

    static inline std::atomic<void (*)()> before_abort{nullptr};

  private:
    static void keep() {
        if (!kept_.load()) kept_ = std::malloc(bytes_);
        if (!kept_.load()) throw std::bad_alloc();
    }
    static void give() {
        void *kept = kept_.exchange(nullptr);
        if (!kept) throw std::bad_alloc();
        std::free(kept);
    }

    static void end() {
        const auto last_words = before_abort.load();
        try {
            if (const std::exception_ptr thrown = std::current_exception()) std::rethrow_exception(thrown);
        } catch (const std::bad_alloc &) {
            if (last_words) last_words();
        } catch (...) {
        }
        ending_before_();
    }

    static inline std::mutex mutex_;
    static inline std::atomic<void *> kept_{nullptr};
    static inline size_t bytes_ = 0;
    static inline int users_ = 0;
    static inline std::new_handler before_ = nullptr;
    static inline std::terminate_handler ending_before_ = nullptr;
};
