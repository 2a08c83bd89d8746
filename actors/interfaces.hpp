// Every actor's interface in one place: what it is told, what it answers.
//
//   agent:  device ─┬─ link ── (relay)            relay:  session ── organization ─┬─ conduit
//                   ├─ peer ── (device)                      │                     └─ disk
//                   ├─ ledger                                └── registry
//                   ├─ workspace ── mirror
//                   ├─ greeter, guest
//                   └─ disk
//
// Messages are values; what is large is const and shared. Answers that can fail are expected<T>.
#pragma once

#include <set>

#include "actors/caf.hpp"
#include "net/client_session.hpp"
#include "net/endpoints.hpp"
#include "net/transport.hpp"
#include "store/invitation/greeter.hpp"
#include "store/invitation/guest.hpp"
#include "store/ledger/author.hpp"
#include "store/object/seal.hpp"
#include "store/relay/conduit.hpp"
#include "store/relay/registry.hpp"
#include "store/replica/fetch.hpp"
#include "store/workspace/engine.hpp"

namespace keyfold::actors {

class object_maker;  // mirror_objects.hpp

// -- replica: whoever answers requests: a relay, another device -----------------------------------

/// A request to a replica. The answer is its answer, its refusal, or timed_out / disconnected.
struct ask {
  net::client_session::request what;
};
using replica_actor = caf::typed_actor<handles<ask, net::answer_or_failure>>;

// -- link: the connection to a relay --------------------------------------------------------------

/// What transport reports of the link; sent by the link's own listener.
struct transport_up {
  net::link_id link{};
};
struct transport_message {
  net::message m;
  net::link_id link{};
};
struct transport_down {
  error why;
  net::link_id link{};
};
/// Time has passed.
struct tick {};
/// For the next hello: the ledger's head, and whose signature the greeting must have. Another relay
/// than the present one: the link goes there.
struct set_ledger_facts {
  std::optional<net::ledger_head> head;
  std::optional<signing_public_key> receipt_key;
  std::optional<invitation::relay_address> relay;
};
struct get_link_facts {};
enum class link_state : std::uint8_t { offline, online, refused };
struct link_facts {
  link_state state = link_state::offline;
  std::string endpoint;      ///< HOST:PORT
  std::optional<error> why;  ///< of the last failure
};

/// The relay greeted us.
struct relay_online {
  net::hello_answer greeting;
};
struct relay_offline {
  error why;
};
/// An event of the relay's (kinds 40 to 56).
struct relay_event {
  net::message m;
};
/// Whoever owns a link hears these.
using link_owner =
    caf::typed_actor<handles<relay_online>, handles<relay_offline>, handles<relay_event>>;

/// Keeps one session with a relay: hello, requests, pings, reconnects.
using link_actor = caf::typed_actor<handles<ask, net::answer_or_failure>,  // makes a request
                                    handles<get_link_facts, link_facts>,   // is it online?
                                    handles<set_ledger_facts>,             // for the next hello
                                    handles<transport_up>, handles<transport_message>,
                                    handles<transport_down>, handles<tick>>;

// -- ledger: the organization's certificates ------------------------------------------------------

/// The ledger and the keys that can be read from it, as of one position. Never changes.
struct ledger_snapshot {
  ledger::state state;
  ledger::keyring keys;
  /// There is another line of the ledger with receipts (`errc::ledger_forked`): it does not change here.
  std::optional<error> trouble{};
};
using ledger_view = std::shared_ptr<const ledger_snapshot>;

/// Makes a certificate on top of the given snapshot; called again after a lost race.
using statement = std::function<expected<ledger::certificate>(const ledger_snapshot&)>;

struct get_ledger {};
/// Bring the ledger up to the relay's head, or the relay up to this one: it may have been restored from a backup. Or
/// to another device's.
struct refresh_ledger {
  replica_actor from{};  ///< nobody: the relay
  bool greeted = false;  ///< the relay has just greeted us: what it holds is not known yet
};
/// Append what `make` says, pulling and making it anew as often as somebody else was first.
struct append_statement {
  statement make;
};
/// Records that came another way than from the relay: they are verified like all others.
struct take_records {
  std::vector<ledger::record> records;
};
/// Sent to the owner after each change, and once in the beginning.
struct ledger_changed {
  ledger_view ledger;
};
using ledger_owner = caf::typed_actor<handles<ledger_changed>>;

/// Holds the verified ledger of one organization, on disk and in memory.
using ledger_actor =
    caf::typed_actor<handles<get_ledger, ledger_view>,                  // as known now
                     handles<refresh_ledger, expected<ledger_view>>,    // as a replica has it
                     handles<append_statement, expected<ledger_view>>,  // one more
                     handles<take_records, expected<ledger_view>>>;

// -- workspace: one shared folder ------------------------------------------------------------------

/// Names from the workspace's root; empty: the root.
using path = std::vector<std::string>;

enum class file_state : std::uint8_t {
  synced,
  local,  ///< changed here, not uploaded
  uploading,
  remote,  ///< content not here
  downloading,
  conflict,
  ignored,  ///< on disk, but does not travel
};
/// One name of a folder, with what status says of it.
struct listed_entry {
  workspace::shown_entry shown;
  file_state state = file_state::synced;
};
struct list_folder {
  path at;
};
struct find_entry {
  path at;
};
/// The children of a folder given by the nodes behind its name: what the mirror compares with disk.
struct list_nodes {
  std::vector<node_id> merged;
};

/// Which folders show these nodes now: several of one name show as one.
struct resolve_folders {
  std::set<node_id> nodes;
};
struct resolved_folder {
  std::vector<node_id> merged;  ///< all nodes behind the name, the oldest first
  std::size_t depth = 0;        ///< number of names in its path
};
using resolved_list = std::vector<resolved_folder>;

struct make_folder {
  path at;
};
struct move_entry {
  path from;
  path to;
};
struct remove_entry {
  path at;
  bool recursive = false;
};
/// A file or symlink whose content is in the object store by now.
struct new_content {
  path at;
  workspace::node_content content;
  std::vector<object_id> needed;
};
/// Folders are made where they lack; a file that is there gets a new version.
struct put_entries {
  std::vector<path> folders;
  std::vector<new_content> contents;
};

/// What happened at a path, the newest `limit` changes.
struct get_history {
  path at;
  std::size_t limit = 0;
};
/// The version that is meant, among what stands or stood at a path.
struct find_past {
  path at;
  std::optional<version_id> version;
};
/// Makes that stand at the path again; answered with the version there then (of a folder its node's id).
struct restore_past {
  path at;
  workspace::past_thing what;
  std::vector<object_id> more;  ///< that a level 1 list names
};

/// Answered when all of these objects are in the store here, or cannot be had now.
struct want_objects {
  std::vector<object_id> objects;
};

/// Fetches an object for whoever uses it at once: it is neither stored nor checked.
struct pass_object {
  object_id object;
};
/// What came as the object, of which nothing is checked but that it is no larger than one.
struct passed_object {
  shared_bytes data;
  replica::replica_number from{};
};
/// What that replica gave are not the bytes of the object's id: another is to be asked.
struct object_was_wrong {
  object_id object;
  replica::replica_number from{};
};
/// An object whose bytes are those of its id.
using made_object = std::shared_ptr<const object::sealed_object>;

struct file_status {
  std::string path;  ///< as the user writes it: /folder/file
  file_state state = file_state::synced;
  std::optional<std::string> reason;
};
/// What is where: of one replica within reach.
struct replica_status {
  std::optional<device_id> device;  ///< nullopt: the relay
  bool has_all = false;             ///< it holds all entries that are held here
  std::uint64_t behind = 0;         ///< feeds of which it holds more
};
struct workspace_status {
  std::string state;    ///< synced, syncing, local, offline, read_only, ...
  bool online = false;  ///< the relay is there
  std::vector<replica_status> replicas;
  std::uint64_t up = 0;    ///< pending entries and objects
  std::uint64_t down = 0;  ///< entries and objects known and not here
  std::vector<file_status> files;
  std::uint64_t total_files = 0;
  std::uint64_t total_bytes = 0;
  std::optional<std::string> mirror;  ///< its folder
  std::optional<error>
      trouble;  ///< of the mirror, also where `state` does not tell it; or why sending stands still
};
struct get_workspace_status {
  bool files = false;  ///< those that are not synced
  bool all = false;    ///< synced ones too
};
/// The signed heads of these devices' feeds as they are held here.
struct get_signed_heads {
  std::vector<device_id> devices;
};
struct signed_heads {
  bytes frontier;  ///< a certificate's frontier attachment
};
/// The own changes that entries say which name a ledger position from `from` on.
struct get_changes_since {
  ledger_seq from;
};
/// Scans the mirror, sends all local changes and fetches all remote ones known now.
struct sync_now {
  bool peer = false;  ///< to another device instead of the relay, contents included
};

/// A replica can be asked from now on. Its number is not used again.
struct replica_online {
  replica::replica_number number = 0;
  replica_actor to;
  std::optional<device_id> device;  ///< nullopt: the relay
};
struct replica_offline {
  replica::replica_number number = 0;
  error why;
};
/// The relay says that the device is connected with it, or not any more.
struct device_at_relay {
  device_id device;
  bool there = false;
};
/// Another device asks, about this workspace.
struct replica_request {
  replica::replica_number from = 0;
  net::message request;
};
/// Sending to that replica stood still for a while: try again.
struct retry_replica {
  replica::replica_number number = 0;
};

/// A mirror in that folder; nullopt: no mirror any more.
struct set_mirror {
  std::optional<std::string> folder;
};
/// The mirror failed; to the workspace itself.
struct start_mirror_again {};
/// The answer to the mass-delete brake.
struct answer_brake {
  bool accept = false;  ///< else: bring the files back
};

/// The relay has lost these objects. To the mirror: they are not here either.
struct objects_wanted {
  std::vector<object_id> objects;
};
/// Entries that the relay sent.
struct entries_came {
  shared_bytes bulk;
};

/// What a change on disk means to the tree; the mirror's answer to it is mirror::record().
struct mirror_change {
  enum class kind : std::uint8_t { create_folder, write, move, remove } what = kind::write;
  node_id node;        ///< of what is there already; zero for something new
  version_id version;  ///< that the mirror last saw; zero: none
  node_id parent;      ///< folder's node, unless new_parent
  std::optional<std::size_t>
      new_parent;  ///< index of the change of this batch that makes the folder
  std::string name;
  std::optional<workspace::node_content> content;  ///< of a write
  std::vector<object_id> needed;
  std::vector<workspace::item> seen;  ///< of a removed folder: what the user had in it
};
/// What the tree made of a change: nodes and versions for the mirror's base.
struct published_change {
  node_id node;
  version_id version;
};
struct publish_changes {
  std::vector<mirror_change> changes;
  /// Called before anything is committed, with what was made of the changes (of the first ones, when a later
  /// one failed); what it gives is committed with them. So nothing can leave a tree that shows what base does
  /// not know: deleted by then, it would come back. Runs in the workspace's thread, while the mirror waits.
  std::function<expected<db::batch>(const std::vector<published_change>&)> record;
};

/// Objects are stored that changes to come will need. To the workspace.
struct objects_stored {
  std::vector<object_id> objects;
};

/// Folders whose shown children may have changed. To the mirror.
struct folders_changed {
  std::set<node_id> folders;
};
/// Scan everything now, publish and apply; answered when it is done.
struct mirror_now {};
/// The watcher saw changes on disk; they wait in the mirror's inbox.
struct disk_changed {};
/// To the mirror itself: some more rows of base are to be looked at for the index of objects.
struct index_more {};

/// Keeps a folder on disk and the workspace the same.
using mirror_actor =
    caf::typed_actor<handles<folders_changed>,               // the tree changed
                     handles<disk_changed>,                  // the disk changed
                     handles<objects_wanted>,                // make them again of what is on disk
                     handles<mirror_now, expected<void>>,    // do all there is to do
                     handles<answer_brake, expected<void>>,  // accept deletes, or restore
                     handles<index_more>, handles<tick>>;

/// Holds one workspace: tree, feeds, journal; sends and fetches what is lacking.
using workspace_actor = caf::typed_actor<
    handles<list_folder, expected<std::vector<listed_entry>>>,  //
    handles<find_entry, expected<listed_entry>>,
    handles<list_nodes, std::vector<workspace::shown_entry>>,
    handles<resolve_folders, resolved_list>, handles<make_folder, expected<void>>,
    handles<move_entry, expected<void>>, handles<remove_entry, expected<void>>,
    handles<put_entries, expected<void>>,  // contents that are in the store
    handles<get_history, expected<workspace::path_history>>,
    handles<find_past, expected<workspace::past_thing>>,
    handles<restore_past, expected<version_id>>,
    handles<publish_changes, expected<std::vector<published_change>>>,  // the mirror's changes
    handles<objects_stored>,                                            // upload them ahead
    handles<want_objects, expected<void>>,                              // fetch them
    handles<pass_object, expected<passed_object>>, handles<object_was_wrong>,
    handles<get_ledger, ledger_view>,                          // what it goes by now
    handles<get_workspace_status, workspace_status>,           //
    handles<get_signed_heads, signed_heads>,                   //
    handles<get_changes_since, expected<std::vector<bytes>>>,  //
    handles<sync_now, expected<void>>,                         //
    handles<set_mirror, expected<void>>, handles<start_mirror_again>,
    handles<answer_brake, expected<void>>, handles<ledger_changed>, handles<replica_online>,
    handles<device_at_relay>, handles<replica_offline>,  // the relay, or another device
    handles<replica_request, net::answer_or_failure>,    // of another device
    handles<entries_came>, handles<objects_wanted>,      // of the relay
    handles<retry_replica>>;

// -- peer: another device of the organization -----------------------------------------------------

/// Where the device may be reached, as last told; dials again at once.
struct dial_peer {
  std::vector<net::endpoint> endpoints;
};
/// What transport reports of a connection with it, dialled by either.
struct peer_link_up {
  net::link_id link;
  std::string address;  ///< of one that the other dialled
};
struct peer_link_message {
  net::link_id link;
  net::message m;
};
struct peer_link_down {
  net::link_id link;
  error why;
};
/// Ends its present connection, and says why.
struct hang_up {
  error why;
};
struct get_peer {};
struct peer_facts {
  bool direct = false;
  std::string endpoint;               ///< of the connection
  std::chrono::milliseconds since{};  ///< wall clock
  std::uint64_t sent = 0;             ///< bytes, of this connection
  std::uint64_t received = 0;
};

/// To the owner: the device can be asked; and what it said of its ledger.
struct peer_online {
  device_id device;
  net::hello_answer greeting;
  std::optional<net::endpoint> endpoint;  ///< that worked
};
struct peer_offline {
  device_id device;
  error why;
};
/// It asks about a workspace.
struct peer_request {
  device_id device;
  workspace_id workspace;
  net::message request;
};
/// Its ledger has advanced, or holds what ours lacks.
struct peer_ledger_advanced {
  device_id device;
  net::ledger_advanced said;  ///< the receipt of its new head
};
using peer_owner =
    caf::typed_actor<handles<peer_online>, handles<peer_offline>, handles<peer_ledger_advanced>,
                     handles<peer_request, net::answer_or_failure>>;

/// Keeps one link with another device, whichever side dialled; asks and answers over it.
using peer_actor =
    caf::typed_actor<handles<ask, net::answer_or_failure>, handles<get_peer, peer_facts>,
                     handles<dial_peer>, handles<hang_up>, handles<ledger_changed>,
                     handles<peer_link_up>, handles<peer_link_message>, handles<peer_link_down>,
                     handles<tick>>;

// -- disk: objects in the local store -------------------------------------------------------------

struct read_object {
  object_id object;
};
struct store_object {
  object_id object;
  shared_bytes data;
};
/// An object that is not in the store, of the files of a mirror (object_maker::may_make() first).
struct make_object {
  std::shared_ptr<const object_maker> from;
  object_id object;
};
/// The relay holds these for good.
struct objects_held {
  std::vector<object_id> objects;
};
/// The relay may hold none of what it held: it was restored from a backup, or it is another one.
struct nothing_held {};
/// Reads and writes objects on a thread of its own; many writes share one sync.
using disk_actor = caf::typed_actor<handles<read_object, expected<shared_bytes>>,
                                    handles<store_object, expected<void>>,  // verified and durable
                                    handles<make_object, expected<made_object>>,  // not stored
                                    handles<objects_held>, handles<nothing_held>, handles<tick>>;

// -- greeter and guest: one code exchange ---------------------------------------------------------

/// What the person is shown; monostate: nothing happened during the time asked for.
using exchange_event =
    std::variant<std::monostate, invitation::out::show_waiting, invitation::out::show_choose,
                 invitation::out::show_tell, invitation::out::show_confirm, invitation::out::done,
                 invitation::out::failed>;
/// The next event. An exchange that nobody asks for events is cancelled after a while.
struct next_event {
  std::chrono::milliseconds timeout;
};
/// The person picks, confirms or gives up (in::picked, in::confirmed, in::cancel). The attempt that he
/// answers is the one that was shown last.
struct exchange_answer {
  invitation::input answer;
};
/// Ends a wait for next_event.
struct event_timeout {
  std::uint64_t wait;
};

/// Either side of the exchange. It hears of its conduit as a link's owner does.
using exchange_actor =
    caf::typed_actor<handles<next_event, exchange_event>,  // what is shown next
                     handles<exchange_answer>,             // what the person says
                     handles<event_timeout>, handles<tick>, handles<relay_online>,
                     handles<relay_offline>, handles<relay_event>>;

// -- device: one unlocked device ------------------------------------------------------------------

/// Another device that is linked, or that the relay says is there.
struct known_peer {
  device_id device;
  user_id user;
  std::optional<peer_actor> direct;
  std::chrono::milliseconds relayed_since{};  ///< wall clock; 0: not at the relay
};
/// What a device is and has, as of now.
struct device_facts {
  organization_id organization;
  user_id user;
  device_id device;
  std::string label;
  signing_key key;
  box_key link_key;
  invitation::relay_address relay_address;  ///< of the present relay
  ledger_view ledger;
  link_facts relay;
  link_actor link;
  ledger_actor ledger_of;
  disk_actor disk;
  std::map<workspace_id, workspace_actor> workspaces;
  std::optional<std::string> listens;  ///< the endpoint that other devices can dial
  std::vector<known_peer> peers;       ///< those within reach
};
struct get_device {};
/// Something below failed; to the device itself.
struct start_again {};
/// Somebody in the local network says that the device can be reached there.
struct neighbour_heard {
  device_id device;
  net::endpoint at;
};
/// Begins to greet the guest of an invitation of which everything is known.
struct start_greeting {
  invitation::greeter::options side;
};
/// Supervises everything of one device; its children tell it what changes.
using device_actor =
    caf::typed_actor<handles<get_device, device_facts>,        // who is where
                     handles<start_greeting, exchange_actor>,  // a greeter of its own
                     handles<start_again>, handles<tick>,      //
                     handles<ledger_changed>, handles<relay_online>, handles<relay_offline>,
                     handles<relay_event>, handles<neighbour_heard>, handles<peer_online>,
                     handles<peer_offline>, handles<peer_ledger_advanced>,
                     handles<peer_request, net::answer_or_failure>>;

// -- relay: sessions ------------------------------------------------------------------------------

/// An event for the session's peer.
struct notify_peer {
  net::message event;
};
/// Entries wait for the session in that workspace; it takes them as its peer reads.
struct feed_grew {
  workspace_id workspace;
};
/// Ends the session; the peer is told why.
struct end_session {
  error why;
};
/// One connected peer of the relay.
using session_actor =
    caf::typed_actor<handles<transport_message>, handles<transport_down>, handles<tick>,
                     handles<notify_peer>, handles<feed_grew>, handles<end_session>>;

// -- relay: conduits ------------------------------------------------------------------------------

/// The session's connection is gone.
struct close_session {
  relay::session_number session = 0;
};
/// A session takes a side; the organization has let it.
struct take_seat {
  relay::party role = relay::party::greeter;
  relay::session_number number = 0;
  session_actor session;
};
/// net::conduit_send or net::conduit_close, of a session.
struct conduit_request {
  relay::session_number number = 0;
  net::message request;
};
/// The invitation is over.
struct end_conduit {
  std::string reason;
};
/// The meeting room of one invitation; lives from its first visitor to the invitation's end. All that a session has to
/// do with it goes through the organization, its end too: so nothing overtakes what it said last.
using conduit_actor = caf::typed_actor<handles<take_seat, net::answer_or_failure>,
                                       handles<conduit_request, net::answer_or_failure>,
                                       handles<close_session>, handles<end_conduit>>;
/// What a conduit tells its organization: whether a guest sits in it now.
struct guest_seat {
  invitation_token token;
  bool taken = false;
};

// -- relay: organizations -------------------------------------------------------------------------

/// Who is at the other end of a session.
struct session_peer {
  relay::session_number number = 0;
  box_public_key key;
  std::string address;
  net::hello_mode mode = net::hello_mode::member;
};
/// A session says hello.
struct open_session {
  session_peer peer;
  net::hello hello;
  session_actor session;
};
struct session_request {
  session_peer peer;
  net::message request;
};
/// The next entries for a session, as a bulk list; empty: there are none now.
struct take_entries_for {
  relay::session_number session = 0;
  workspace_id workspace;
};
struct set_frozen {
  bool frozen = false;
};
/// Some invitation has expired.
struct expire_invitations {};
/// One organization at the relay: answers its sessions' requests once they are durable.
using organization_actor =
    caf::typed_actor<handles<open_session, expected<net::hello_answer>>,
                     handles<session_request, net::answer_or_failure>,
                     handles<take_entries_for, expected<shared_bytes>>, handles<close_session>,
                     handles<guest_seat>, handles<set_frozen>, handles<expire_invitations>,
                     handles<tick>>;

// -- relay: which organizations there are ---------------------------------------------------------

struct find_organization {
  organization_id id;
};
struct list_organizations {};
struct make_creation_link {
  std::string name;
};
struct freeze_organization {
  std::string name;
  bool frozen = false;
};
using registered_list = std::vector<relay::registered>;
/// Finds, founds and administers organizations.
using registry_actor =
    caf::typed_actor<handles<find_organization, expected<organization_actor>>,
                     handles<open_session, expected<net::hello_answer>>,  // a creator's
                     handles<session_request, net::answer_or_failure>,    // organization create
                     handles<list_organizations, registered_list>,
                     handles<make_creation_link, expected<std::string>>,
                     handles<freeze_organization, expected<void>>>;

}  // namespace keyfold::actors

KEYFOLD_MESSAGE(notify_peer)
KEYFOLD_MESSAGE(replica_online)
KEYFOLD_MESSAGE(replica_offline)
KEYFOLD_MESSAGE(device_at_relay)
KEYFOLD_MESSAGE(replica_request)
KEYFOLD_MESSAGE(retry_replica)
KEYFOLD_MESSAGE(dial_peer)
KEYFOLD_MESSAGE(peer_link_up)
KEYFOLD_MESSAGE(peer_link_message)
KEYFOLD_MESSAGE(peer_link_down)
KEYFOLD_MESSAGE(hang_up)
KEYFOLD_MESSAGE(get_peer)
KEYFOLD_MESSAGE(peer_facts)
KEYFOLD_MESSAGE(peer_online)
KEYFOLD_MESSAGE(peer_offline)
KEYFOLD_MESSAGE(peer_request)
KEYFOLD_MESSAGE(peer_ledger_advanced)
KEYFOLD_MESSAGE(neighbour_heard)
KEYFOLD_MESSAGE(feed_grew)
KEYFOLD_MESSAGE(end_session)
KEYFOLD_MESSAGE(open_session)
KEYFOLD_MESSAGE(session_request)
KEYFOLD_MESSAGE(take_entries_for)
KEYFOLD_MESSAGE(close_session)
KEYFOLD_MESSAGE(set_frozen)
KEYFOLD_MESSAGE(expire_invitations)
KEYFOLD_MESSAGE(take_seat)
KEYFOLD_MESSAGE(conduit_request)
KEYFOLD_MESSAGE(end_conduit)
KEYFOLD_MESSAGE(guest_seat)
KEYFOLD_MESSAGE(find_organization)
KEYFOLD_MESSAGE(list_organizations)
KEYFOLD_MESSAGE(make_creation_link)
KEYFOLD_MESSAGE(freeze_organization)
KEYFOLD_MESSAGE(registered_list)
KEYFOLD_MESSAGE(list_folder)
KEYFOLD_MESSAGE(find_entry)
KEYFOLD_MESSAGE(list_nodes)
KEYFOLD_MESSAGE(resolve_folders)
KEYFOLD_MESSAGE(resolved_list)
KEYFOLD_MESSAGE(make_folder)
KEYFOLD_MESSAGE(move_entry)
KEYFOLD_MESSAGE(remove_entry)
KEYFOLD_MESSAGE(put_entries)
KEYFOLD_MESSAGE(publish_changes)
KEYFOLD_MESSAGE(objects_stored)
KEYFOLD_MESSAGE(want_objects)
KEYFOLD_MESSAGE(pass_object)
KEYFOLD_MESSAGE(passed_object)
KEYFOLD_MESSAGE(object_was_wrong)
KEYFOLD_MESSAGE(get_workspace_status)
KEYFOLD_MESSAGE(workspace_status)
KEYFOLD_MESSAGE(get_signed_heads)
KEYFOLD_MESSAGE(signed_heads)
KEYFOLD_MESSAGE(sync_now)
KEYFOLD_MESSAGE(set_mirror)
KEYFOLD_MESSAGE(start_mirror_again)
KEYFOLD_MESSAGE(answer_brake)
KEYFOLD_MESSAGE(entries_came)
KEYFOLD_MESSAGE(objects_wanted)
KEYFOLD_MESSAGE(folders_changed)
KEYFOLD_MESSAGE(mirror_now)
KEYFOLD_MESSAGE(disk_changed)
KEYFOLD_MESSAGE(index_more)
KEYFOLD_MESSAGE(read_object)
KEYFOLD_MESSAGE(store_object)
KEYFOLD_MESSAGE(make_object)
KEYFOLD_MESSAGE(objects_held)
KEYFOLD_MESSAGE(nothing_held)
KEYFOLD_MESSAGE(get_device)
KEYFOLD_MESSAGE(start_again)
KEYFOLD_MESSAGE(device_facts)
KEYFOLD_MESSAGE(start_greeting)
template <>
struct caf::allowed_unsafe_message_type<std::vector<keyfold::workspace::shown_entry>>
    : std::true_type {};
KEYFOLD_MESSAGE(get_history)
KEYFOLD_MESSAGE(find_past)
KEYFOLD_MESSAGE(restore_past)
KEYFOLD_MESSAGE(next_event)
KEYFOLD_MESSAGE(exchange_answer)
KEYFOLD_MESSAGE(event_timeout)
KEYFOLD_MESSAGE(exchange_event)
KEYFOLD_MESSAGE(ask)
KEYFOLD_MESSAGE(transport_up)
KEYFOLD_MESSAGE(take_records)
KEYFOLD_MESSAGE(get_changes_since)
KEYFOLD_MESSAGE(transport_message)
KEYFOLD_MESSAGE(transport_down)
KEYFOLD_MESSAGE(tick)
KEYFOLD_MESSAGE(set_ledger_facts)
KEYFOLD_MESSAGE(get_link_facts)
KEYFOLD_MESSAGE(link_facts)
KEYFOLD_MESSAGE(relay_online)
KEYFOLD_MESSAGE(relay_offline)
KEYFOLD_MESSAGE(relay_event)
KEYFOLD_MESSAGE(get_ledger)
KEYFOLD_MESSAGE(refresh_ledger)
KEYFOLD_MESSAGE(append_statement)
KEYFOLD_MESSAGE(ledger_changed)
KEYFOLD_MESSAGE(ledger_view)
template <>
struct caf::allowed_unsafe_message_type<keyfold::net::answer_or_failure> : std::true_type {};
