// A lab that lies in a folder: its processes, and commands in its homes. Only the programs of Keyfold are driven, as a
// person would.
#pragma once

#include <functional>

#include "apps/lab/plan.hpp"
#include "apps/lab/process.hpp"

namespace keyfold::apps::lab {

class laboratory {
 public:
  /// The lab in that folder; `errc::not_found`.
  [[nodiscard]] static expected<laboratory> open(lab_folder folder);
  /// A new one, of which nothing is there yet but its plan.
  laboratory(lab_folder folder, lab_plan plan)
      : folder_(std::move(folder)), plan_(std::move(plan)) {}

  /// Held by who starts and ends processes, as long as the lab lives; `errc::busy` when somebody else does.
  [[nodiscard]] expected<void> lock();

  [[nodiscard]] const lab_folder& folder() const { return folder_; }
  [[nodiscard]] lab_plan& plan() { return plan_; }
  [[nodiscard]] const lab_plan& plan() const { return plan_; }

  struct outcome {
    int exit = 0;
    std::string output;
  };
  /// Runs `keyfold ARGUMENTS` in a device's home, which starts no agent.
  [[nodiscard]] expected<outcome> run(const std::string& device,
                                      const std::vector<std::string>& arguments,
                                      std::chrono::milliseconds patience) const;
  /// The same with --json: the document, or the error that it reports.
  [[nodiscard]] expected<json> call(const std::string& device,
                                    const std::vector<std::string>& arguments,
                                    std::chrono::milliseconds patience = usual) const;
  /// Starts `keyfold ARGUMENTS --json` in a device's home, to talk with it.
  [[nodiscard]] expected<child> talk(const std::string& device,
                                     const std::vector<std::string>& arguments) const;

  /// What `agent status` says; `running` is false where nobody answers.
  [[nodiscard]] json agent_status(const std::string& device) const;
  /// Starts a device's agent, and unlocks it once it has joined. Nothing to do where it runs, unlocked.
  [[nodiscard]] expected<void> start_device(const std::string& device) const;
  [[nodiscard]] expected<void> stop_device(const std::string& device) const;
  /// As a crash would. `errc::not_found` when it does not run.
  [[nodiscard]] expected<void> kill_device(const std::string& device) const;

  /// Nothing to do where they run.
  [[nodiscard]] expected<void> start_relay();
  [[nodiscard]] expected<void> start_proxies() const;
  /// The relay or the proxies, politely or not. `errc::not_found` when they do not run.
  [[nodiscard]] expected<void> stop(const std::string& what) const;
  [[nodiscard]] expected<void> kill(const std::string& what) const;

  /// Everything that runs or not, and the links that are not as they were.
  [[nodiscard]] json status() const;

  static constexpr std::chrono::milliseconds usual{60'000};

 private:
  [[nodiscard]] std::optional<process> agent(const std::string& device) const;

  lab_folder folder_;
  lab_plan plan_;
  db::file lock_;
};

inline constexpr auto proxies_name = "proxies";

/// Hears what is being done.
using progress = std::function<void(const std::string&)>;

struct lab_size {
  unsigned users = 2;
  unsigned devices = 2;  ///< of each
  std::string role = "contributor";
};
/// Makes a lab with its organization, its workspace and all mirrors, or starts what does not run of one that is there.
/// `errc::exists` for another folder, or a lab that was not finished.
[[nodiscard]] expected<laboratory> bring_up(const lab_folder& folder, const lab_size& size,
                                            const progress& tell);
/// Ends all processes of a lab, also of one that was not finished; removes its folder if asked to. Gives their names.
[[nodiscard]] expected<std::vector<std::string>> bring_down(laboratory& of, bool remove);

}  // namespace keyfold::apps::lab
