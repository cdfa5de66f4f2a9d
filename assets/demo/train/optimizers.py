"""How weights are changed: matrices by Muon, the embedding and the norms by AdamW."""
import torch

MATRIX_RATE, VECTOR_RATE = 0.02, 3e-3
MATRIX_DECAY = 0.1
MOMENTUM = 0.95


class Muon:
    """Momentum made orthogonal by five Newton-Schulz steps, matrices of a shape together."""

    def __init__(self, parameters):
        self.groups = {}
        for p in parameters:
            self.groups.setdefault(tuple(sorted(p.shape)), []).append(p)
        self.momentum = {p: torch.zeros_like(p) for ps in self.groups.values() for p in ps}

    @staticmethod
    def orthogonal(x):
        x = (x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)).bfloat16()
        for _ in range(5):
            a = x @ x.transpose(1, 2)
            x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
        return x.float()

    @torch.no_grad()
    def step(self, rate):
        for parameters in self.groups.values():
            wide = []
            for p in parameters:
                m = self.momentum[p].lerp_(p.grad, 1 - MOMENTUM)
                u = p.grad.lerp(m, MOMENTUM)
                wide.append(u.T if p.shape[0] > p.shape[1] else u)
            for p, u in zip(parameters, self.orthogonal(torch.stack(wide))):
                tall = p.shape[0] > p.shape[1]
                scale = max(1, p.shape[0] / p.shape[1]) ** 0.5
                p.mul_(1 - MATRIX_DECAY * rate).add_(u.T if tall else u, alpha=-rate * scale)

    def state(self):
        return [m for m in self.momentum.values()]

    def restore(self, state):
        for m, saved in zip(self.momentum.values(), state):
            m.copy_(saved)


class Optimizers:
    """Both, for all weights of a model."""

    def __init__(self, model):
        named = list(model.named_parameters())
        self.vectors = [p for n, p in named if p.ndim < 2 or n == "emb.weight"]
        self.muon = Muon([p for n, p in named if p.ndim == 2 and n != "emb.weight"])
        self.adam = torch.optim.AdamW(self.vectors, lr=0.0, betas=(0.9, 0.95), weight_decay=0.0)

    def step(self, rate):
        """One step along the gradients; `rate` scales both rates."""
        torch.nn.utils.clip_grad_norm_(self.vectors, 1.0)
        for group in self.adam.param_groups:
            group["lr"] = VECTOR_RATE * rate
        self.adam.step()
        self.muon.step(MATRIX_RATE * rate)

    def state(self):
        return dict(muon=self.muon.state(), adam=self.adam.state_dict())

    def restore(self, saved):
        self.muon.restore(saved["muon"])
        self.adam.load_state_dict(saved["adam"])
