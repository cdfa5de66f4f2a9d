// LinkThread: work of a link happens elsewhere, in order, and only the newest question of a kind.
#include "app/engine/link_thread.h"

#include <atomic>
#include <deque>
#include <semaphore>
#include <vector>

#include "tests/support/catch.h"

using namespace app;

namespace {

/// Works on a command as long as nobody lets it go on; answers an Inspect with its id.
class SlowLink : public EngineLink {
public:
    SlowLink(std::counting_semaphore<>& begun, std::counting_semaphore<>& go)
        : begun_(begun), go_(go) {}
    bool send(Command command) override {
        begun_.release();
        go_.acquire();
        if (const auto* inspect = std::get_if<Inspect>(&command)) {
            events_.emplace_back(InspectReady{.id = inspect->id, .kind = inspect->kind});
        }
        return true;
    }
    std::optional<Event> poll() override {
        if (events_.empty()) {
            return std::nullopt;
        }
        Event event = std::move(events_.front());
        events_.pop_front();
        return event;
    }

private:
    std::counting_semaphore<>&begun_, &go_;
    std::deque<Event> events_;
};

Inspect question(RequestId id, InspectKind kind, uint32_t layer = 0) {
    return {.id = id, .kind = kind, .layer = layer, .ids = {}, .tiles = {}};
}

}  // namespace

TEST_CASE("link thread: nobody waits for the work, stale questions are dropped, events wake") {
    std::counting_semaphore<> begun{0}, go{0}, woken{0};
    LinkThread link(std::make_unique<SlowLink>(begun, go), [&] { woken.release(); });
    REQUIRE(link.send(question(1, InspectKind::row)));
    begun.acquire();  // at work on the first: these wait
    REQUIRE(link.send(question(2, InspectKind::row)));
    REQUIRE(link.send(question(3, InspectKind::thumbnails, 0)));
    REQUIRE(link.send(question(4, InspectKind::thumbnails, 1)));
    REQUIRE(link.send(question(5, InspectKind::row)));
    CHECK_FALSE(link.poll());
    go.release(8);
    std::vector<RequestId> ids;
    while (ids.size() < 4) {
        woken.acquire();
        while (const std::optional<Event> event = link.poll()) {
            ids.push_back(std::get<InspectReady>(*event).id);
        }
    }
    CHECK(ids == std::vector<RequestId>{1, 3, 4, 5});
}

TEST_CASE("link thread: it ends with commands left") {
    std::counting_semaphore<> begun{0}, go{0};
    LinkThread link(std::make_unique<SlowLink>(begun, go), [] {});
    for (RequestId id = 1; id < 4; ++id) {
        REQUIRE(link.send(Generate{.id = id}));
    }
    begun.acquire();
    go.release(8);
}
