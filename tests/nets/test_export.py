"""A net that is saved for deployment says the same when it is loaded."""

import pytest
import torch

from kdrep.nets import export
from kdrep.nets.maxout import MNIST, MNIST_STUDENT, MaxoutNet


def test_weights_and_graph_come_back_the_same(tmp_path):
    net = MaxoutNet(MNIST_STUDENT, MNIST, 10, seed=3).eval()
    images = torch.rand(5, *MNIST)
    export.save_for_deployment(net, images[:2], tmp_path / "student")
    expected = net(images)
    other = export.load_weights(MaxoutNet(MNIST_STUDENT, MNIST, 10, seed=4), tmp_path / "student")
    assert torch.equal(other(images), expected)
    torch.testing.assert_close(export.load_graph(tmp_path / "student")(images), expected)


def test_a_batch_of_one_is_refused(tmp_path):
    with pytest.raises(ValueError, match="two or more"):
        export.save_for_deployment(MaxoutNet(MNIST_STUDENT, MNIST, 10, 0), torch.rand(1, *MNIST), tmp_path)
