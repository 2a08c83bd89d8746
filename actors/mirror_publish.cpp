#include <spdlog/spdlog.h>

#include "actors/mirror_contents.hpp"

namespace keyfold::actors {
namespace {

using mirror::local_change;
using mirror::local_kind;

constexpr std::size_t batch_changes = 500;  ///< that become one message
constexpr std::uint64_t batch_bytes = 64 * 1024 * 1024;

/// Turns a local plan into changes of the tree, in batches whose contents share one flush.
class publisher {
 public:
  publisher(mirror_state& s, caf::scoped_actor& self, mirror::local_plan plan)
      : s_(s), self_(self), plan_(std::move(plan)) {}

  mirrored run() {
    for (std::size_t index = 0; index < plan_.changes.size(); ++index) {
      KEYFOLD_CHECK(add(index));
      const bool full =
          batch_.size() >= batch_changes || (contents_ && contents_->ingest().fed() >= batch_bytes);
      if (full) KEYFOLD_CHECK(send());
    }
    return send();
  }

 private:
  struct gathered {
    std::size_t index;  ///< of the plan's change
    mirror_change change;
    mirror::published published;
  };

  [[nodiscard]] const local_change& change_of(const gathered& g) const {
    return plan_.changes[g.index];
  }

  /// The node of the change's folder, or which change of this batch makes it.
  mirrored place(const local_change& change, mirror_change& out) {
    if (change.new_parent) {
      const auto in_batch = std::find_if(batch_.begin(), batch_.end(), [&](const gathered& g) {
        return g.index == *change.new_parent;
      });
      if (in_batch != batch_.end()) {
        out.new_parent = static_cast<std::size_t>(in_batch - batch_.begin());
        return {};
      }
    }
    const auto row = mirror::parent_row(plan_, change);
    if (row == mirror::root_row) return {};
    const auto parent = s_.base.get(row);
    if (!parent)
      return fail(errc::changed_on_disk, "the folder of " + change.path + " is not known yet");
    out.parent = parent->node;
    return {};
  }

  mirrored add(std::size_t index) {
    const auto& change = plan_.changes[index];
    if (change.what == local_kind::refreshed) {
      mirror::record(s_.base, plan_, index);
      return {};
    }
    gathered next{index, {}, {}};
    next.change.name = change.name;
    const auto row = change.row.value == 0 ? std::nullopt : s_.base.get(change.row);
    if (row) {
      next.change.node = row->node;
      next.change.version = row->version;
      next.published = {row->node, row->version, row->content, std::nullopt};
    }
    if (auto placed = place(change, next.change); !placed) {
      s_.rescan.insert(mirror::parent_of(change.path));
      return {};
    }
    switch (change.what) {
      case local_kind::created:
        return create(std::move(next));
      case local_kind::modified:
      case local_kind::attributes:
        return write(std::move(next));
      case local_kind::moved:
        next.change.what = mirror_change::kind::move;
        break;
      case local_kind::deleted:
        next.change.what = mirror_change::kind::remove;
        if (row)
          s_.base.walk(row->id, [&](const auto& below) {
            next.change.seen.push_back({below.node, below.version});
          });
        break;
      case local_kind::refreshed:
        break;
    }
    batch_.push_back(std::move(next));
    return {};
  }

  /// What the tree shows under that name in the change's folder, if the folder is in the tree already, and base
  /// does not know it.
  std::optional<workspace::shown_entry> shown_at(const mirror_change& change) {
    if (change.new_parent) return std::nullopt;
    auto& children = listings_[change.parent];
    if (!children) {
      const auto folder = s_.ask<resolved_list>(self_, resolve_folders{{change.parent}});
      const auto merged =
          folder && !folder->empty() ? folder->front().merged : std::vector{change.parent};
      auto listed = s_.ask<std::vector<workspace::shown_entry>>(self_, list_nodes{merged});
      children = listed ? std::move(*listed) : std::vector<workspace::shown_entry>{};
    }
    const auto found = std::find_if(children->begin(), children->end(),
                                    [&](const auto& child) { return child.name == change.name; });
    // What base has a row of is on this disk already: this is another of its name.
    if (found == children->end() || !s_.base.rows_of(found->node).empty()) return std::nullopt;
    return *found;
  }

  mirrored create(gathered next) {
    const auto& disk = change_of(next).disk;
    const auto shown = shown_at(next.change);
    if (disk.kind == mirror::node_kind::folder) {
      if (shown && shown->kind == mirror::node_kind::folder) {
        mirror::record(s_.base, plan_, next.index, {shown->node, {}, {}, std::nullopt});
        return {};
      }
      next.change.what = mirror_change::kind::create_folder;
      batch_.push_back(std::move(next));
      return {};
    }
    // A file of that name that base does not know: equal bytes are taken as they are, others stay beside it.
    if (shown && shown->kind == disk.kind && shown->version) {
      next.change.node = shown->node;
      known_.emplace(next.index, *shown);
    }
    return write(std::move(next));
  }

  mirrored write(gathered next) {
    next.change.what = mirror_change::kind::write;
    const auto& change = change_of(next);
    if (change.disk.kind == mirror::node_kind::symlink) {
      next.published.content = mirror::hash_of_target(change.disk.target);
      next.change.content =
          workspace::symlink_content{to_bytes(as_bytes(change.disk.target)), change.disk.mtime_ns};
      batch_.push_back(std::move(next));
      return {};
    }
    return ingest(std::move(next));
  }

  /// The chunks of the file as it was: the index has only those that this device sealed.
  void know_agreed(mirror::row_id id, object::ingest& into) {
    const auto row = s_.base.get(id);
    const auto agreed = row ? agreed_content_of(s_, *row) : nullptr;
    if (!agreed) return;
    into.know(agreed->content.chunks);
    into.know(agreed->chunks);
  }

  mirrored ingest(gathered next) {
    const auto& change = change_of(next);
    if (!contents_) {
      KEYFOLD_TRY(const auto ledger, s_.ask<ledger_view>(self_, get_ledger{}));
      KEYFOLD_TRY(contents_, content_writer::open(s_.options.objects, *ledger, s_.options.workspace,
                                                  [to = s_.workspace](std::vector<object_id> ids) {
                                                    caf::anon_send(to,
                                                                   objects_stored{std::move(ids)});
                                                  }));
    }
    auto& into = contents_->ingest();
    if (change.what == local_kind::modified && change.disk.size >= shared_from_size)
      know_agreed(change.row, into);
    KEYFOLD_CHECK(into.begin(next.index, change.disk.size));
    const auto now_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(wall_now()).count();
    const auto facts = mirror::read_file(
        s_.root, change.path, [&](bytes_view data) { return into.feed(data); }, now_ns);
    const auto ended =
        facts ? into.end(facts->mtime_ns, facts->executable) : expected<void>(fail(facts));
    if (!ended) {
      into.abandon();
      return skip(change, ended.error());
    }
    next.published.disk = *facts;
    batch_.push_back(std::move(next));
    return {};
  }

  /// A file that cannot be read now is looked at again; one that may not be read is listed.
  mirrored skip(const local_change& change, const error& why) {
    if (why.code == errc::unreadable || why.code == errc::unsafe_path) {
      s_.ignored.insert_or_assign(change.path,
                                  mirror::ignored_thing{std::string(to_string(why.code))});
      return {};
    }
    if (why.code != errc::changed_while_reading && why.code != errc::not_found)
      return tl::unexpected(why);
    s_.rescan.insert(mirror::parent_of(change.path));
    return {};
  }

  /// Takes what is on disk for the version that is shown; where only its time differs, base remembers no
  /// version, and so the tree's time is set on disk.
  void agree(gathered& g, const workspace::shown_entry& shown, const workspace::file_content* disk,
             const workspace::file_content* tree) {
    g.published.node = shown.node;
    const bool same_time = disk == nullptr || disk->mtime_ns == tree->mtime_ns;
    g.published.version = same_time ? shown.version->version : version_id{};
    if (!same_time) s_.changed_folders.insert(g.change.parent);
  }

  /// True when disk and tree have the same already: only base has to learn it.
  bool is_agreed(gathered& g) {
    const auto* file = std::get_if<workspace::file_content>(&*g.change.content);
    const auto& change = change_of(g);
    if (const auto known = known_.find(g.index); known != known_.end()) {
      const auto& there = known->second.version->content;
      const auto* other = std::get_if<workspace::file_content>(&there);
      const bool same =
          file != nullptr && other != nullptr
              ? file->list_hash == other->list_hash && file->executable == other->executable
              : there == *g.change.content;
      if (same) agree(g, known->second, file, other);
      if (!same) g.change.version = {};
      return same;
    }
    if (change.what != local_kind::modified || file == nullptr) return false;
    const auto row = s_.base.get(change.row);
    return row && row->content == file->list_hash && row->facts.mtime_ns == file->mtime_ns &&
           row->facts.executable == file->executable && row->facts.kind == mirror::node_kind::file;
  }

  /// Gives each file of the batch its content.
  mirrored settle_contents() {
    if (!contents_) return {};
    KEYFOLD_TRY(const auto files, contents_->flush());
    for (const auto& file : files) {
      const auto found = std::find_if(batch_.begin(), batch_.end(),
                                      [&](const gathered& g) { return g.index == file.token; });
      if (found == batch_.end()) continue;
      found->change.content = file.content;
      found->change.needed = file.needed;
      found->published.content = file.content.list_hash;
    }
    return {};
  }

  mirrored send() {
    KEYFOLD_CHECK(settle_contents());
    publish_changes request;
    std::vector<gathered> sent;
    // Indices of parents stay right: what is agreed is never a folder, but it shifts those behind it.
    std::vector<std::size_t> moved_to(batch_.size());
    for (std::size_t i = 0; i < batch_.size(); ++i) {
      auto& g = batch_[i];
      if (g.change.what == mirror_change::kind::write && is_agreed(g)) {
        mirror::record(s_.base, plan_, g.index, g.published);
        continue;
      }
      if (g.change.new_parent) g.change.new_parent = moved_to[*g.change.new_parent];
      moved_to[i] = sent.size();
      request.changes.push_back(g.change);
      sent.push_back(std::move(g));
    }
    batch_.clear();
    listings_.clear();
    if (request.changes.empty()) return s_.transaction.commit(true);
    return hand_over(std::move(request), sent);
  }

  mirrored hand_over(publish_changes request, std::vector<gathered>& sent) {
    request.record = [&](const std::vector<published_change>& made) {
      record(sent, made);
      return s_.transaction.take();
    };
    KEYFOLD_TRY(const auto answer,
                s_.ask<expected<std::vector<published_change>>>(self_, std::move(request)));
    if (answer) return {};
    if (answer.error().code == errc::role_insufficient) list_read_only(sent);
    return fail(answer);
  }

  void record(std::vector<gathered>& sent, const std::vector<published_change>& made) {
    for (std::size_t i = 0; i < made.size(); ++i) {
      auto& published = sent[i].published;
      if (sent[i].change.what == mirror_change::kind::remove) {
        // What had not reached this disk is spared, and comes back.
        s_.changed_folders.insert(sent[i].change.parent);
      } else {
        published.node = made[i].node;
        published.version = made[i].version;
      }
      mirror::record(s_.base, plan_, sent[i].index, published);
    }
  }

  void list_read_only(const std::vector<gathered>& sent) {
    s_.read_only =
        error{errc::read_only, "your role does not allow to write: local changes stay on disk"};
    for (const auto& g : sent)
      s_.unwritten.push_back({"/" + change_of(g).path, file_state::local, "read_only"});
  }

  mirror_state& s_;
  caf::scoped_actor& self_;
  mirror::local_plan plan_;
  std::vector<gathered> batch_;
  std::unique_ptr<content_writer> contents_;
  std::map<node_id, std::optional<std::vector<workspace::shown_entry>>> listings_;
  std::map<std::size_t, workspace::shown_entry> known_;  ///< by change: what the tree shows there
};

}  // namespace

mirrored publish_local(mirror_state& s, caf::scoped_actor& self,
                       const std::vector<mirror::local_path>& starts, mirror::brake brake) {
  KEYFOLD_CHECK(s.root.check(s.marker));
  const bool whole = std::find(starts.begin(), starts.end(), "") != starts.end();
  const auto began = std::chrono::steady_clock::now();
  KEYFOLD_TRY(auto plan, mirror::find_local_changes(s.root, s.base, starts, brake,
                                                    std::exchange(s.in_the_way, {})));
  // A base that cannot be read is not an empty one.
  if (s.transaction.failure()) return tl::unexpected(*s.transaction.failure());
  mirror::keep_ignored(s.ignored, s.root, plan);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - began);
  s.watch->scanned(mirror::closed_folders(s.ignored), whole ? std::optional(took) : std::nullopt);
  if (!whole && mirror::changes_rules(s.base, plan)) s.rescan.insert("");
  for (const auto row : plan.restored) s.base.erase(row);
  if (!plan.restored.empty()) s.whole_tree = true;
  // What was not looked at is as it was.
  std::erase_if(s.unwritten, [&](const file_status& file) {
    return plan.listed.contains(mirror::parent_of(file.path.substr(1)));
  });
  if (s.unwritten.empty()) s.read_only.reset();
  s.deferred.insert(plan.deferred.begin(), plan.deferred.end());
  auto done = publisher(s, self, std::move(plan)).run();
  // The disk keeps them; status and sync say so.
  if (done || done.error().code != errc::role_insufficient) return done;
  s.deferred.clear();
  return {};
}

}  // namespace keyfold::actors
