using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Distributed;
using InvFusion.Tests.Runtime;
using InvFusion.Training;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Training;

[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class FlatOptimizerTests : IDisposable
{
    private const double Rate = 0.01;
    private const double Momentum = 0.95;
    private static readonly OptimizerOptions Muon = new() { Kind = OptimizerKind.Muon };
    private readonly TorchThreads _thread = new(1);

    public void Dispose() => _thread.Dispose();

    [Fact]
    public void The_step_of_every_matrix_is_a_scaled_polar_factor_of_its_own_gradient()
    {
        using var scope = NewDisposeScope();
        using var problem = new OptimizerProblem();
        using var optimizer = problem.Optimizer(Muon with { MuonRate = 3 });
        var before = problem.Parameters.Values.clone();
        problem.Step(optimizer, 1);
        var (step, gradients) = (before - problem.Parameters.Values, OptimizerProblem.Gradients(problem.Parameters, 0));
        foreach (var matrix in problem.Matrices.Where(m => m.Rows != m.Columns)) // square ones of random entries have singular values near 0
        {
            var (u, _, vh) = NewtonSchulzTests.Svd(matrix.Of(gradients).unsqueeze(0));
            var scale = 3 * Rate * 0.2 * Math.Sqrt(Math.Max(matrix.Rows, matrix.Columns));
            NewtonSchulzTests.AssertPolarFactor(u.bmm(vh), matrix.Of(step).unsqueeze(0) / scale);
        }
    }

    // The reference computes every part by itself: q, k and v, the halves of a GEGLU.
    [Fact]
    public void Steps_follow_the_formula_with_Nesterov_momentum_for_each_matrix_by_itself()
    {
        using var scope = NewDisposeScope();
        using var problem = new OptimizerProblem();
        using var optimizer = problem.Optimizer(Muon);
        var expected = problem.Parameters.Values.clone();
        var average = expected.clone();
        problem.Step(optimizer, 3);
        foreach (var (name, offset, shape) in problem.Parameters.Layout)
        {
            var parts =
                name.EndsWith("qkv_proj.weight", StringComparison.Ordinal) ? 3
                : name.EndsWith("ff.up_proj.weight", StringComparison.Ordinal) ? 2
                : 0;
            if (parts == 0)
                continue;
            var length = shape[0] * shape[1];
            var momentum = zeros(shape);
            Tensor w = expected.narrow(0, offset, length).view(shape),
                ema = average.narrow(0, offset, length).view(shape);
            for (var step = 0; step < 3; step++)
            {
                var g = OptimizerProblem.Gradients(problem.Parameters, step).narrow(0, offset, length).view(shape);
                momentum = Momentum * momentum + (1 - Momentum) * g;
                var direction = Momentum * momentum + (1 - Momentum) * g;
                w.sub_(
                    cat([.. direction.chunk(parts, 0).Select(Factor)], 0) * (Rate * 0.2 * Math.Sqrt(Math.Max(shape[0] / parts, shape[1])))
                );
                ema.mul_(0.9).add_(w, 0.1);
                if (step == 0)
                    TensorAssert.Differs(Factor(direction), cat([.. direction.chunk(parts, 0).Select(Factor)], 0), 0.1);
            }
            TensorAssert.Close(w, problem.Parameters.Values.narrow(0, offset, length).view(shape), 1e-5);
            TensorAssert.Close(ema, optimizer.Average.narrow(0, offset, length).view(shape), 1e-5);
            TensorAssert.Close(momentum, optimizer.FirstMoment.narrow(0, offset, length).view(shape), 1e-5);
        }
        Assert.Equal(0, problem.Parameters.Gradients.abs().max().item<float>());

        static Tensor Factor(Tensor x) => NewtonSchulz.Orthogonalize((x / x.norm()).unsqueeze(0))[0];
    }

    [Fact]
    public void Adam_alone_has_the_bits_of_FlatAdam()
    {
        using OptimizerProblem problem = new(),
            reference = new();
        using var optimizer = problem.Optimizer(new());
        using var adam = Reference(reference);
        problem.Step(optimizer, 3);
        TensorAssert.SameBits(reference.Parameters.Values, problem.Parameters.Values, "weights");
        TensorAssert.SameBits(adam.Average, optimizer.Average, "average");
        TensorAssert.SameBits(adam.FirstMoment, optimizer.FirstMoment, "first moment");
        TensorAssert.SameBits(adam.SecondMoment, optimizer.SecondMoment, "second moment");
    }

    [Fact]
    public void Beside_Muon_the_rest_has_the_bits_of_FlatAdam_and_every_parameter_one_optimizer()
    {
        using var scope = NewDisposeScope();
        using OptimizerProblem problem = new(),
            reference = new();
        using var optimizer = problem.Optimizer(Muon);
        using var adam = Reference(reference);
        var before = TensorAssert.Values(problem.Parameters.Values);
        problem.Step(optimizer, 3);
        var inside = problem.InMatrices();
        foreach (
            var (expected, actual) in ((Tensor, Tensor)[])
                [
                    (reference.Parameters.Values, problem.Parameters.Values),
                    (adam.Average, optimizer.Average),
                    (adam.FirstMoment, optimizer.FirstMoment),
                    (adam.SecondMoment, optimizer.SecondMoment),
                ]
        )
            Assert.Equal(Outside(expected), Outside(actual));
        var (weights, second) = (TensorAssert.Values(problem.Parameters.Values), TensorAssert.Values(optimizer.SecondMoment));
        for (var i = 0; i < inside.Length; i++)
        {
            Assert.NotEqual(before[i], weights[i]);
            Assert.Equal(inside[i], second[i] == 0);
        }
        TensorAssert.Differs(reference.Parameters.Values, problem.Parameters.Values, 1e-3);

        float[] Outside(Tensor flat) => [.. TensorAssert.Values(flat).Where((_, i) => !inside[i])];
    }

    [Theory, InlineData(OptimizerKind.Adam, 1), InlineData(OptimizerKind.Muon, 2)]
    public void Weight_decay_is_that_of_the_matrices_alone(OptimizerKind kind, double muonRate)
    {
        using var problem = new OptimizerProblem();
        using var optimizer = problem.Optimizer(
            new()
            {
                Kind = kind,
                WeightDecay = 5,
                MuonRate = muonRate,
            }
        );
        var before = TensorAssert.Values(problem.Parameters.Values);
        optimizer.Step(Rate, 0.9); // gradients of zeros
        var after = TensorAssert.Values(problem.Parameters.Values);
        foreach (var (i, inside) in problem.InMatrices().Index())
            Assert.Equal(inside ? before[i] * (1 - (float)(Rate * muonRate * 5)) : before[i], after[i], 1e-6f);
    }

    [Fact]
    public void Gradients_that_are_no_numbers_are_counted_and_count_as_zero()
    {
        using var scope = NewDisposeScope();
        using OptimizerProblem problem = new(),
            clean = new();
        using FlatOptimizer optimizer = problem.Optimizer(Muon),
            other = clean.Optimizer(Muon);
        var gradients = OptimizerProblem.Gradients(problem.Parameters, 0);
        var inside = problem.InMatrices();
        int matrix = Array.IndexOf(inside, true),
            rest = Array.IndexOf(inside, false);
        gradients[matrix] = tensor(float.NaN);
        gradients[matrix + 5] = tensor(float.NegativeInfinity);
        gradients[rest] = tensor(float.PositiveInfinity);
        problem.Parameters.Gradients.copy_(gradients);
        clean.Parameters.Gradients.copy_(gradients.nan_to_num(0, 0, 0));
        Assert.Equal(3, optimizer.Step(Rate, 0.9));
        Assert.Equal(0, other.Step(Rate, 0.9));
        TensorAssert.SameBits(clean.Parameters.Values, problem.Parameters.Values, "weights");
        Assert.True(problem.Parameters.Values.isfinite().all().item<bool>());
    }

    [Fact]
    public void The_loop_that_applies_a_step_gives_what_the_plain_form_gives()
    {
        using var scope = NewDisposeScope();
        using OptimizerProblem problem = new(),
            plain = new();
        using FlatOptimizer optimizer = problem.Optimizer(Muon with { WeightDecay = 1 }),
            state = plain.Optimizer(Muon);
        problem.Step(optimizer, 1);
        var factors = zeros_like(plain.Parameters.Values); // as the step before has them
        var muon = new FlatMuon(
            plain.Parameters,
            plain.Matrices,
            state.FirstMoment,
            state.Average,
            Momentum,
            ScalarType.Float32,
            new InvFusion.Distributed.SingleProcess()
        );
        var gradients = OptimizerProblem.Gradients(plain.Parameters, 0);
        foreach (var matrix in plain.Matrices)
        {
            var g = matrix.Of(gradients);
            matrix.Of(factors).copy_(NewtonSchulz.Orthogonalize((g / g.norm()).unsqueeze(0))[0]);
        }
        plain.Parameters.Gradients.copy_(factors);
        using (no_grad())
            muon.ApplyPlain((float)Rate, (float)(1 - Rate), 0.1f);
        foreach (var matrix in plain.Matrices)
        {
            TensorAssert.Close(matrix.Of(plain.Parameters.Values), matrix.Of(problem.Parameters.Values), 1e-5);
            TensorAssert.Close(matrix.Of(state.Average), matrix.Of(optimizer.Average), 1e-5);
        }
    }

    [Theory, InlineData(2), InlineData(5)]
    public void Ranks_take_the_same_step_to_the_bit_and_that_of_one(int size)
    {
        using var one = new OptimizerProblem();
        using (var optimizer = one.Optimizer(Muon))
            one.Step(optimizer, 3);
        OptimizerProblem[] problems = [.. Enumerable.Range(0, size).Select(_ => new OptimizerProblem())];
        float[][] gradients = [.. Enumerable.Range(0, 3).Select(step => Gradients(one, step))];
        ThreadedRanks.Run(
            size,
            ranks =>
            {
                var problem = problems[ranks.Rank];
                using var optimizer = problem.Optimizer(Muon, ranks);
                foreach (var values in gradients)
                {
                    using var source = tensor(values);
                    problem.Parameters.Gradients.copy_(source);
                    optimizer.Step(Rate, 0.9);
                }
            }
        );
        TensorAssert.Close(one.Parameters.Values, problems[0].Parameters.Values, 1e-5);
        Assert.All(problems, p => TensorAssert.SameBits(problems[0].Parameters.Values, p.Parameters.Values, "weights"));
        Array.ForEach(problems, p => p.Dispose());

        static float[] Gradients(OptimizerProblem problem, int step)
        {
            using var gradients = OptimizerProblem.Gradients(problem.Parameters, step);
            return TensorAssert.Values(gradients);
        }
    }

    private static FlatAdam Reference(OptimizerProblem problem)
    {
        var adam = new FlatAdam(problem.Parameters);
        for (var step = 0; step < 3; step++)
        {
            using var gradients = OptimizerProblem.Gradients(problem.Parameters, step);
            problem.Parameters.Gradients.copy_(gradients);
            adam.Step(Rate, 0.9);
        }
        return adam;
    }
}
