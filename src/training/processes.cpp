#include "training/processes.h"

#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "core/json.h"
#include "training/process_groups.h"

namespace sumi {
namespace {

Tensor tree_sum(std::span<Tensor> rows) {
  if (rows.size() == 1) return rows.front();
  const std::size_t left = rows.size() % 2 == 0 ? rows.size() / 2 : rows.size() - 1;
  return tree_sum(rows.first(left)).add_(tree_sum(rows.subspan(left)));
}

/// What work() came to: nothing, or an Error's two texts.
struct Fault {
  std::string what, hint;
};

}  // namespace

Tensor tree_sum(std::vector<Tensor> rows) {
  const c10::NoGradGuard no_grad;
  return tree_sum(std::span(rows));
}

Processes::Processes() = default;

Processes::Processes(const ProcessPlace& place) : place_(place) {
  if (place.count > 1) groups_ = std::make_unique<Groups>(place);
}

Processes::~Processes() = default;

void Processes::add_to_owners(Tensor& flat, std::span<const Range> ranges) {
  if (!groups_) return;
  const c10::NoGradGuard no_grad;
  const auto own = ranges[static_cast<std::size_t>(rank())];
  std::vector<std::int64_t> sent, taken(ranges.size(), own.size());
  for (const auto& range : ranges) sent.push_back(range.size());
  Tensor received = at::empty({own.size() * count()}, flat.options().requires_grad(false));
  groups_->exchange(received, flat, taken, sent);
  if (own.size() == 0) return;
  std::vector<Tensor> rows;
  for (int i = 0; i < count(); ++i) rows.push_back(received.narrow(0, i * own.size(), own.size()));
  flat.narrow(0, own.first, own.size()).copy_(tree_sum(std::move(rows)));
}

void Processes::share_from_owners(Tensor& flat, std::span<const Range> ranges) {
  if (!groups_) return;
  const c10::NoGradGuard no_grad;
  std::vector<Tensor> parts;
  for (const auto& range : ranges) parts.push_back(flat.narrow(0, range.first, range.size()));
  groups_->broadcast(parts);
}

std::vector<double> Processes::sums(std::vector<double> values) {
  if (!groups_ || values.empty()) return values;
  Tensor flat = at::from_blob(values.data(), {static_cast<std::int64_t>(values.size())},
                              torch::dtype(torch::kDouble));
  groups_->add(flat);
  return values;
}

bool Processes::any(bool own) { return sums({own ? 1.0 : 0.0})[0] > 0; }

std::vector<std::int64_t> Processes::all_sizes(std::int64_t own) {
  std::vector<double> sizes(static_cast<std::size_t>(count()));
  sizes[static_cast<std::size_t>(rank())] = static_cast<double>(own);
  const auto all = sums(sizes);
  return {all.begin(), all.end()};
}

Processes::Share Processes::share_of(std::int64_t own_length) {
  const auto all = all_sizes(own_length);
  return {std::accumulate(all.begin(), all.begin() + rank(), std::int64_t{0}),
          std::accumulate(all.begin(), all.end(), std::int64_t{0})};
}

std::string Processes::text_of(int owner, std::string text) {
  if (!groups_) return text;
  const auto length = all_sizes(static_cast<std::int64_t>(text.size()));
  text.resize(static_cast<std::size_t>(length[static_cast<std::size_t>(owner)]));
  if (text.empty()) return text;
  Tensor bytes = at::from_blob(text.data(), {static_cast<std::int64_t>(text.size())},
                               torch::dtype(torch::kByte));
  groups_->broadcast(bytes, owner);
  return text;
}

Tensor Processes::from_first(const Tensor& tensor) {
  if (!groups_) return tensor;
  std::string head;
  if (first())
    head = Json{{"type", static_cast<int>(tensor.scalar_type())}, {"shape", tensor.sizes().vec()}}
               .dump();
  const Json told = parse_json(text_of(0, head), "a tensor's head");
  const auto type = static_cast<torch::ScalarType>(told.at("type").get<int>());
  Tensor whole =
      first() ? tensor.cpu().contiguous()
              : at::empty(told.at("shape").get<std::vector<std::int64_t>>(), torch::dtype(type));
  if (whole.numel() > 0) groups_->broadcast(whole, 0);
  return whole;
}

Tensor Processes::joined_at_first(const Tensor& own) {
  if (!groups_) return own;
  const auto sizes = all_sizes(own.numel());
  std::vector<std::int64_t> taken(sizes.size(), 0), sent(sizes.size(), 0);
  sent[0] = own.numel();
  if (first()) taken = sizes;
  Tensor whole =
      at::empty({std::accumulate(taken.begin(), taken.end(), std::int64_t{0})}, own.options());
  Tensor mine = own.contiguous();
  groups_->exchange(whole, mine, taken, sent);
  return first() ? whole : Tensor();
}

void Processes::together(const std::function<void()>& work) {
  if (!groups_) return work();
  Fault fault;
  bool failed = false;
  try {
    work();
  } catch (const LostProcess&) {
    throw;
  } catch (const Error& error) {
    fault = {error.what(), error.hint()};
    failed = true;
  }
  std::vector<double> flags(static_cast<std::size_t>(count()));
  flags[static_cast<std::size_t>(rank())] = failed ? 1 : 0;
  flags = sums(flags);
  const auto worst = std::find_if(flags.begin(), flags.end(), [](double flag) { return flag > 0; });
  if (worst == flags.end()) return;
  const auto where = static_cast<int>(worst - flags.begin());
  throw_of(where, fault.what, fault.hint);
}

void Processes::throw_of(int owner, std::string what, std::string hint) {
  what = text_of(owner, std::move(what));
  hint = text_of(owner, std::move(hint));
  if (first()) throw Error(what, hint);
  throw SharedError(what, hint);
}

void Processes::at_first(const std::function<void()>& work) {
  together([&] {
    if (first()) work();
  });
}

}  // namespace sumi
