#include "models/resnet.h"

#include "nn/fused.h"

namespace sumi {

ResnetBlock::ResnetBlock(std::int64_t in, std::int64_t out, std::int64_t groups, double epsilon,
                         std::int64_t time_width)
    : norm1_(add("norm1", GroupNorm(groups, in, epsilon))),
      conv1_(add("conv1", Conv2d(in, out))),
      norm2_(add("norm2", GroupNorm(groups, out, epsilon))),
      conv2_(add("conv2", Conv2d(out, out))) {
  if (time_width > 0) time_emb_proj_ = add("time_emb_proj", Linear(time_width, out));
  if (in != out)
    conv_shortcut_ = add("conv_shortcut", Conv2d(in, out, {.kernel = 1, .padding = 0}));
}

Tensor ResnetBlock::forward(Tensor x, const Tensor& activated_time) const {
  auto h = convolve_normed(norm1_, conv1_, x);
  const Tensor shift = time_emb_proj_ ? time_emb_proj_->forward(activated_time) : Tensor();
  if (conv_shortcut_) x = conv_shortcut_->forward_in_place(std::move(x));
  return convolve_normed(norm2_, conv2_, h, shift, std::move(x));
}

}  // namespace sumi
