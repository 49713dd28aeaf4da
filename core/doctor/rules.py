"""All rules, one entry each: what is looked for, why it matters, who says so, and what a look needs."""

from __future__ import annotations

from functools import partial

from core.doctor import fit, images, layers, machine, rate
from core.doctor.rule import END, Rule

DEEP_LEARNING = "Goodfellow, Bengio & Courville 2016, Deep Learning"

RULES: tuple[Rule, ...] = (
    Rule(
        "rate_too_high",
        "The learning rate is too high",
        "Steps that are too long jump over what they should go down into: the loss rises, or stays above guessing.",
        f"{DEEP_LEARNING}, section 11.4.1; Bengio 2012, arXiv:1206.5533",
        "training loss of each epoch; losses by step and layer norms add numbers",
        "an epoch's mean training loss is 12 % above that of guessing, or half as high again as the lowest (and 0.3)",
        1,
        rate.see_too_high,
        partial(rate.need_epochs, 1),
        fatal=True,
    ),
    Rule(
        "rate_too_low",
        "The learning rate is too low",
        "A loss that creeps down in a straight line has not come to where it bends: longer steps get there sooner.",
        f"{DEEP_LEARNING}, section 8.3.1; Smith 2017, arXiv:1506.01186 (range test)",
        "training loss and learning rate of 4 epochs; layer norms add a number",
        "after 4 epochs of a high rate the training loss is above 85 % of that of guessing and falls by less than 1 % "
        "an epoch, in a line with a correlation below -0.85; not if updates move the weights by more than 0.1 %",
        6,
        rate.see_too_low,
        partial(rate.need_epochs, rate.SLOW_EPOCHS),
        fatal=True,
    ),
    Rule(
        "plateau",
        "A plateau without a drop of the rate",
        "Once steps of one length go to and fro, shorter ones still get lower: networks gain most when the rate falls.",
        "He et al. 2015, arXiv:1512.03385, section 3.4; Loshchilov & Hutter 2017, arXiv:1608.03983",
        "learning rate and both losses of 12 epochs",
        "for 6 epochs at one rate neither loss comes 2 % below its lowest before, and training accuracy is below 99 %",
        20,
        rate.see_plateau,
        partial(rate.need_epochs, 2 * rate.FLAT_EPOCHS),
    ),
    Rule(
        "ends_early",
        "The schedule ends before the curve bends",
        "A curve that still falls when its schedule has run out would go on falling in a longer one.",
        "Li, Yumer & Ramanan 2020, arXiv:1905.04753 (budgeted training)",
        "both losses and the learning rate of all epochs, of a schedule that falls smoothly",
        "for each unit of the rate, the later half of the epochs brings both losses down 0.6 times as fast as the "
        "whole training did, from guessing on; the validation loss is lowest at the end; not if the rate is too high",
        END,
        rate.see_ends_early,
        rate.lack_smooth_end,
    ),
    Rule(
        "overfitting",
        "It overfits",
        "What a network learns from then on is about single training images, and makes it surer where it is wrong.",
        f"Prechelt 1998, Early stopping – but when?; {DEEP_LEARNING}, chapter 7",
        "both losses and accuracies of 4 epochs",
        "validation loss is 10 % above its lowest for 3 epochs and no lower one followed, training loss 10 % below "
        "what it was there, and the accuracies are 5 points and 2 standard errors apart",
        20,
        fit.see_overfitting,
        partial(rate.need_epochs, fit.WIDENING_EPOCHS + 1),
    ),
    Rule(
        "underfitting",
        "It underfits",
        "A network that does not even know its training images is too small, or held back by what should keep it from "
        "memorising them.",
        f"{DEEP_LEARNING}, section 5.2; Zhang et al. 2017, arXiv:1611.03530",
        "both accuracies and the training loss of all epochs",
        "at the end both accuracies are below 85 % and less than 5 points apart; not if the schedule ends early or "
        "the rate is too high",
        END,
        fit.see_underfitting,
        lambda observed: "" if observed.is_complete else "looks at the end of the schedule",
    ),
    Rule(
        "dead_layers",
        "Layers are dead",
        "Without a gradient a layer learns nothing any more, and hides the gradient from those before it.",
        "Glorot & Bengio 2010 (AISTATS); Lu et al. 2020, arXiv:1903.06733 (dying ReLU)",
        "layer norms of 2 epochs",
        "for 2 epochs a layer's gradient is below 1e-7, or its weights are below a thousandth of the first epoch's",
        6,
        layers.see_dead,
        partial(layers.lack_norms, layers.DEAD_EPOCHS),
        fatal=True,
    ),
    Rule(
        "exploding_layers",
        "Layers explode",
        "Where one update replaces the weights, nothing stays of what was learnt; where they have grown out of "
        "measure, updates no longer move them.",
        "Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063; He et al. 2015, arXiv:1502.01852 (norms at the start)",
        "layer norms of 1 epoch",
        "the norm of a layer's weights is 10 times what it was after epoch 1, or can have been at the start; or one "
        "update is half as long as they are",
        1,
        layers.see_exploding,
        partial(layers.lack_norms, 1),
        fatal=True,
    ),
    Rule(
        "not_finite",
        "The loss became NaN or infinite",
        "From there on no weight means anything: the run ends, and its last sound checkpoint is the one before.",
        f"{DEEP_LEARNING}, section 10.11.1 (clipping)",
        "why the run failed, and its losses",
        "the run failed on a loss that is not finite, or noted one",
        END,
        layers.see_not_finite,
    ),
    Rule(
        "tiny_batches",
        "Batch norm with tiny batches",
        "Means and variances of a few images are noise. On ImageNet a ResNet-50 has an error of 23.6 % with 32 images, "
        "24.8 % with 8, 27.3 % with 4 and 34.7 % with 2.",
        "Wu & He 2018, arXiv:1803.08494, table 2",
        "the spec",
        "normalisation is by batch, and a batch has fewer than 8 images",
        0,
        layers.see_tiny_batches,
    ),
    Rule(
        "wrong_labels",
        "Some labels look wrong",
        "An image that is never learnt, and always taken for one other class by a network that knows the rest, may "
        "simply be of that class. Look at them before you trust a difference of a point.",
        "Toneva et al. 2019, arXiv:1812.05159; Northcutt et al. 2021, arXiv:1911.00068",
        "the classes predicted for validation images in 8 epochs",
        "accuracy is at least 80 % and settled, and 4 % of the validation images (at least 3) were right after no "
        "epoch and got one other class throughout the later half",
        12,
        images.see_wrong_labels,
        images.lack_history,
    ),
    Rule(
        "unbalanced",
        "Classes are out of balance",
        "The loss counts images, not classes: what is rare is learnt late or not at all, and accuracy hides it.",
        "Buda, Maki & Mazurowski 2018, arXiv:1710.05381",
        "labels of validation images",
        "the largest class has 5 times as many validation images as the smallest",
        1,
        images.see_unbalanced,
        images.lack_labels,
    ),
    Rule(
        "few_validation_images",
        "Too few validation images to choose by",
        "Every choice, of the best epoch as of the better run, is made on them: with few, chance chooses.",
        "Wilson 1927; Fleiss, Levin & Paik 2003, section 4.2; Card et al. 2020, arXiv:2010.06595",
        "validation accuracy at four fifths of the epochs",
        "the best validation accuracy is above 50 %, and its 95 % interval reaches more than 5 points to either side",
        END,
        images.see_few_validation_images,
        lambda observed: "" if observed.epochs >= 0.8 * observed.planned else "looks after four fifths of the epochs",
    ),
    Rule(
        "leaking_test",
        "The test images may have been seen in training",
        "Validation accuracy was chosen to be high, so test accuracy is usually a little lower. Far higher, it is of "
        "images that were trained on.",
        "Kapoor & Narayanan 2023, Patterns 4(9); Barz & Denzler 2020, arXiv:1902.00423 (ciFAIR)",
        "test and validation accuracy of the best epoch",
        "test accuracy is 5 points above the best validation accuracy, which chance does once in 10,000 times",
        END,
        images.see_leaking_test,
        lambda observed: "" if "test/accuracy_best" in observed.results else "looks once the test images were used",
    ),
    Rule(
        "idle",
        "The device waits",
        "A device that waits for a disk, or for the process that feeds it, trains no faster than what it waits for.",
        "Mohan et al. 2021, arXiv:2007.06775 (data stalls)",
        "4 samples of the use of the device, one every two seconds of training; of a processor also how long other "
        "programs had it, which only Linux tells",
        "in half of the samples the processor is busy for less than 50 % of one core, or the GPU for less than 40 %",
        END,
        machine.see_idle,
        machine.lack_use,
    ),
)
