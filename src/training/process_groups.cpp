#include "training/process_groups.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

namespace sumi {
namespace {

using std::chrono::milliseconds;

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

/// What c10d throws, as the one thing it means here.
template <class Call>
void guarded(const ProcessPlace& place, const Call& call) {
  try {
    call();
  } catch (const std::exception& error) {
    throw LostProcess(fmt::format("process {} of {} waited in vain for another one: {}", place.rank,
                                  place.count, first_line(error.what())),
                      "another process of the run has died or is silent; start all of them again, "
                      "they go on from the last snapshot");
  }
}

milliseconds timeout_of(const ProcessPlace& place) {
  return std::chrono::duration_cast<milliseconds>(std::chrono::duration<double>(place.timeout_s));
}

/// The address by which this machine reaches the master, so that others can reach it too.
std::string own_address(const ProcessPlace& place) {
  addrinfo wanted{}, *found = nullptr;
  wanted.ai_socktype = SOCK_DGRAM;
  const auto port = std::to_string(place.port);
  if (const int fault = getaddrinfo(place.master.c_str(), port.c_str(), &wanted, &found))
    throw Error(fmt::format("{}: no address of that name: {}", place.master, gai_strerror(fault)),
                "check the name of the first process's machine");
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> all(found, freeaddrinfo);
  for (const auto* each = found; each != nullptr; each = each->ai_next) {
    const int handle = socket(each->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (handle < 0) continue;
    sockaddr_storage own{};
    socklen_t size = sizeof(own);
    char text[NI_MAXHOST];
    const bool known = connect(handle, each->ai_addr, each->ai_addrlen) == 0 &&
                       getsockname(handle, reinterpret_cast<sockaddr*>(&own), &size) == 0 &&
                       getnameinfo(reinterpret_cast<sockaddr*>(&own), size, text, sizeof(text),
                                   nullptr, 0, NI_NUMERICHOST) == 0;
    close(handle);
    if (known) return text;
  }
  throw Error(fmt::format("{}: this machine has no way there", place.master),
              "check the network and the master's address");
}

c10::intrusive_ptr<c10d::TCPStore> open_store(const ProcessPlace& place) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(place.port);
  options.isServer = place.rank == 0;
  options.waitWorkers = false;
  options.timeout = timeout_of(place);
  return c10::make_intrusive<c10d::TCPStore>(place.master, options);
}

/// Where the first process listens. One left over from before a restart may still be there for a
/// moment: a process that has its name in the book already waits for that one to go.
c10::intrusive_ptr<c10d::Store> met_store(const ProcessPlace& place) {
  if (place.rank == 0) {
    try {
      return open_store(place);
    } catch (const std::exception& error) {
      throw Error(fmt::format("{}:{}: the first process cannot listen there: {}", place.master,
                              place.port, first_line(error.what())),
                  "choose another port, and the address of the first machine itself");
    }
  }
  const auto until = std::chrono::steady_clock::now() + timeout_of(place);
  for (;;) {
    c10::intrusive_ptr<c10d::TCPStore> store;
    guarded(place, [&] { store = open_store(place); });
    try {
      if (store->add(fmt::format("joined/{}", place.rank), 1) == 1) return store;
      store->wait({"never"}, timeout_of(place));
    } catch (const std::exception&) {
      // It went: the next one is looked for.
    }
    if (std::chrono::steady_clock::now() > until)
      guarded(place, [] { throw std::runtime_error("an earlier run still holds the port"); });
  }
}

}  // namespace

Processes::Groups::Groups(const ProcessPlace& place) : place_(place) {
  const std::string own = own_address(place);
  store_ = met_store(place);
  guarded(place, [&] {
    auto options = c10d::ProcessGroupGloo::Options::create(timeout_of(place));
    options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(own));
    gloo_ = c10::make_intrusive<c10d::ProcessGroupGloo>(
        c10::make_intrusive<c10d::PrefixStore>("gloo", store_), place.rank, place.count, options);
  });
#ifdef SUMI_NCCL
  // wait() then throws when a process is lost, instead of ending this one.
  for (const char* name : {"NCCL_BLOCKING_WAIT", "TORCH_NCCL_BLOCKING_WAIT"})
    setenv(name, "1", /*overwrite=*/0);
  auto nccl_options = c10d::ProcessGroupNCCL::Options::create();
  nccl_options->timeout = timeout_of(place);
  nccl_ = c10::make_intrusive<c10d::ProcessGroupNCCL>(
      c10::make_intrusive<c10d::PrefixStore>("nccl", store_), place.rank, place.count,
      nccl_options);
#endif
}

bool Processes::Groups::needs_copy([[maybe_unused]] const Tensor& tensor) const {
#ifdef SUMI_NCCL
  return false;
#else
  return !tensor.is_cpu();
#endif
}

void Processes::Groups::exchange(Tensor& to, Tensor& from, std::vector<std::int64_t> taken,
                                 std::vector<std::int64_t> sent) {
  if (needs_copy(to)) {
    Tensor near_to = at::empty_like(to, torch::kCPU), near_from = from.cpu();
    exchange(near_to, near_from, std::move(taken), std::move(sent));
    to.copy_(near_to);
    return;
  }
  guarded(place_, [&] {
#ifdef SUMI_NCCL
    if (!to.is_cpu()) {
      nccl_->alltoall_base(to, from, taken, sent)->wait();
      return;
    }
#endif
    gloo_->alltoall_base(to, from, taken, sent)->wait();
  });
}

void Processes::Groups::broadcast_placed(std::vector<Tensor>& parts,
                                         const std::vector<int>& owners) {
  guarded(place_, [&] {
    std::vector<decltype(gloo_->barrier())> under_way;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (parts[i].numel() == 0) continue;
      std::vector<Tensor> one = {parts[i]};
      c10d::BroadcastOptions options;
      options.rootRank = owners[i];
#ifdef SUMI_NCCL
      if (!parts[i].is_cpu()) {
        under_way.push_back(nccl_->broadcast(one, options));
        continue;
      }
#endif
      under_way.push_back(gloo_->broadcast(one, options));
    }
    for (auto& work : under_way) work->wait();
  });
}

void Processes::Groups::broadcast(Tensor& tensor, int owner) {
  std::vector<Tensor> parts = {tensor};
  broadcast_placed(parts, {owner});
}

void Processes::Groups::broadcast(std::vector<Tensor>& parts) {
  std::vector<int> owners;
  for (std::size_t i = 0; i < parts.size(); ++i) owners.push_back(static_cast<int>(i));
  if (!needs_copy(parts.front())) return broadcast_placed(parts, owners);
  std::vector<Tensor> near;
  for (const auto& part : parts) near.push_back(part.cpu());
  broadcast_placed(near, owners);
  for (std::size_t i = 0; i < parts.size(); ++i) parts[i].copy_(near[i]);
}

void Processes::Groups::add(Tensor& tensor) {
  guarded(place_, [&] {
    std::vector<Tensor> one = {tensor};
    gloo_->allreduce(one)->wait();
  });
}

}  // namespace sumi
