"""My first Hugging Face Trainer: a tiny BERT from scratch finds out which of two words a sentence holds more of."""

import tempfile

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, set_seed

PAD, CLS, GOOD, BAD = 0, 1, 2, 3


class Reviews(Dataset):
    """Sentences of 8 to 16 words, padded; label 1 if GOOD stands there more often than BAD."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.items = []
        while len(self.items) < n:
            length = int(torch.randint(8, 17, (1,), generator=g))
            words = torch.randint(2, 40, (length,), generator=g)
            votes = torch.rand(length, generator=g)
            words[votes < 0.15] = GOOD
            words[votes > 0.85] = BAD
            good, bad = int((words == GOOD).sum()), int((words == BAD).sum())
            if good == bad or int(good > bad) != len(self.items) % 2:  # as many of each
                continue
            ids = torch.full((17,), PAD)
            ids[0], ids[1 : length + 1] = CLS, words
            self.items.append({"input_ids": ids, "attention_mask": (ids != PAD).long(), "labels": int(good > bad)})

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def compute_metrics(prediction):
    return {"accuracy": float((np.argmax(prediction.predictions, axis=1) == prediction.label_ids).mean())}


def main():
    set_seed(0)
    config = BertConfig(
        vocab_size=40,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=20,
        num_labels=2,
    )
    model = BertForSequenceClassification(config)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=4,
            per_device_train_batch_size=32,
            per_device_eval_batch_size=64,
            learning_rate=3e-3,
            warmup_steps=20,
            eval_strategy="epoch",
            save_strategy="no",
            logging_strategy="epoch",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
            seed=0,
        )
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=Reviews(1600, seed=1),
            eval_dataset=Reviews(300, seed=2),
            compute_metrics=compute_metrics,
        )
        trainer.train()
        print("accuracy", round(trainer.evaluate()["eval_accuracy"], 3))


if __name__ == "__main__":
    main()
